"""Where the service listens: at the place that was said or nowhere, with a certificate that can be used."""

from __future__ import annotations

import errno
import os
from typing import NoReturn

from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import unix_socket_in_use
from tornado.netutil import bind_sockets, bind_unix_socket, ssl_options_to_context

EX_CONFIG = 78
"""What the process exits with where the configuration must be mended first (as in sysexits.h)."""

_LAST_PORT = 65_535


class Listening(ServerApp):
    """Refuses a place or a certificate in one sentence; Jupyter's server speaks of itself, or shows a traceback."""

    def refuse_to_start(self, why: str) -> NoReturn:
        """Say what has to be mended, and exit."""
        self.log.critical("The service cannot start: %s", why)
        self.exit(EX_CONFIG)
        raise AssertionError  # `exit` never comes back

    def check_place(self) -> None:
        """Refuse a place that means nothing, and take a socket where one is said."""
        if not 0 <= self.port <= _LAST_PORT:
            self.refuse_to_start(f"There is no port {self.port}.")  # the system would take another, modulo 65536
        if self.sock:
            if any("port" in self.config.get(section, {}) for section in ("ServerApp", type(self).__name__)):
                self.refuse_to_start("It listens on a port or on a socket: --port and --sock exclude each other.")
            self.port = ServerApp.port_default_value  # by which Jupyter's server knows that none was said

    def check_certificate(self) -> None:
        """Refuse a certificate that no connection could be made with."""
        if self.keyfile and not self.certfile:
            self.refuse_to_start("A keyfile needs its certfile.")
        if self.ssl_options:
            try:
                ssl_options_to_context(self.ssl_options, server_side=True)
            except (OSError, ValueError) as error:
                files = " and ".join(filter(None, (self.certfile, self.keyfile)))
                self.refuse_to_start(f"There is no certificate with its key in {files}: {_why(error)}.")

    def _find_http_port(self) -> None:
        try:
            sockets = bind_sockets(self.port, self.ip)
        except (OSError, OverflowError) as error:
            self._refuse_place(error)
        self.port = sockets[0].getsockname()[1]
        for each in sockets:
            each.close()

    def _bind_http_server(self) -> None:
        try:
            if self.sock:
                if unix_socket_in_use(self.sock):
                    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
                self.http_server.add_socket(bind_unix_socket(self.sock, mode=int(self.sock_mode, 8)))
            else:
                self.http_server.listen(self.port, self.ip)
        except (OSError, ValueError) as error:
            self._refuse_place(error)

    def _refuse_place(self, error: Exception) -> NoReturn:
        place = self.sock or f"port {self.port} of {self.ip or 'all addresses'}"
        self.refuse_to_start(
            f"It cannot listen on {place}: {_why(error)}. Another place is said with --ip, --port or --sock."
        )


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
