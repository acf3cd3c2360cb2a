"""The server of the service: Jupyter's, of which nothing is left but the loop, the sockets and the configuration.

It has no kernels, files and terminals, loads no extension that happens to be installed, and serves no page of Jupyter's.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_core.application import JupyterApp, base_aliases, base_flags
from jupyter_server.auth import IdentityProvider
from jupyter_server.serverapp import flags as SERVER_FLAGS  # noqa: N812
from traitlets import Unicode, default

from jupyter_aichat._version import __version__
from jupyter_aichat.auth.assembly import AccountRules
from jupyter_aichat.auth.identity import AccountIdentity
from jupyter_aichat.auth.passwords import Passwords
from jupyter_aichat.auth.shares import Shares
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.limits.model_access import ModelAccess
from jupyter_aichat.limits.quotas import Quotas
from jupyter_aichat.limits.requests import RequestLimits
from jupyter_aichat.logs.json_log import is_wanted, write_json, write_the_rest_json
from jupyter_aichat.server.host import Host
from jupyter_aichat.service.access_log import log_request
from jupyter_aichat.service.bounds import Bounds
from jupyter_aichat.service.extension import ServiceExtension
from jupyter_aichat.service.headers import STATIC, Headers
from jupyter_aichat.service.hub_mode import HubMode, hub_mode
from jupyter_aichat.service.listening import Listening
from jupyter_aichat.service.log_records import keep_tokens_out_of_logs
from jupyter_aichat.wiring import CONFIGURABLES

EXTENSION = "jupyter_aichat.service"
LINGER_S = 2.0
"""How long threads may go on when everything has ended."""


class AIChatService(Bounds, Listening):
    """Serves the chat to many people, each with an account."""

    name = "jupyter-aichat-service"
    description = "Chat with language models, for everybody who has an account"
    version = __version__
    examples = (
        "jupyter aichat serve --AIChatApp.store_url=mongodb://db/chats --AIChatApp.secret_file=/run/secrets/aichat"
    )
    subcommands: dict[str, Any] = {}  # noqa: RUF012 (as traitlets has it)
    classes = [  # noqa: RUF012
        *(ServiceExtension, AccountRules, HubMode, ModelAccess, Passwords, Quotas, RequestLimits, Shares),
        *CONFIGURABLES,
    ]
    flags = {**base_flags, "allow-root": SERVER_FLAGS["allow-root"]}  # noqa: RUF012 (as people are used to say it)
    aliases = {  # noqa: RUF012
        **base_aliases,
        "ip": "ServerApp.ip",
        "port": "ServerApp.port",
        "sock": "ServerApp.sock",
        "base-url": "ServerApp.base_url",
        "certfile": "ServerApp.certfile",
        "keyfile": "ServerApp.keyfile",
        "store-url": "AIChatApp.store_url",
        "redis-url": "AIChatApp.redis_url",
        "secret-file": "AIChatApp.secret_file",
        "registration": "AIChatApp.registration",
        "roles": "AIChatApp.roles",
    }

    default_services = ()  # type: ignore[assignment]
    port_default_value = 8790
    port_env = "AICHAT_PORT"
    config_file_name = Unicode("jupyter_aichat_config")

    @default("base_url")
    def _base_url(self) -> str:
        hub = hub_mode(self)
        return "/" if hub is None else hub.base_url

    @default("ip")
    def _default_ip(self) -> str:
        hub = hub_mode(self)
        return str((hub and hub.address[0]) or super()._default_ip())

    @default("port")
    def _port_default(self) -> int:
        hub = hub_mode(self)
        return int((hub and hub.address[1]) or super()._port_default())

    @default("identity_provider_class")
    def _identity_provider_class(self) -> type[IdentityProvider]:
        return AccountIdentity

    @default("allow_unauthenticated_access")
    def _allow_unauthenticated_access(self) -> bool:
        return False  # every route says what it needs

    @default("allow_remote_access")
    def _allow_remote_access(self) -> bool:
        return True  # nobody gets in by being near

    @default("reraise_server_extension_failures")
    def _reraise_server_extension_failures(self) -> bool:
        return True  # there is nothing to serve without the one extension

    @default("open_browser")
    def _open_browser(self) -> bool:
        return False

    @default("no_browser_open_file")
    def _no_browser_open_file(self) -> bool:
        return True

    @default("port_retries")
    def _port_retries(self) -> int:
        return 0

    @default("cookie_secret")
    def _cookie_secret(self) -> bytes:
        return secrets.token_bytes(32)  # nothing is signed with it

    @default("info_file")
    def _info_file(self) -> str:
        return str(Path(self.runtime_dir) / f"aichat-service-{os.getpid()}.json")

    @default("jpserver_extensions")
    def _jpserver_extensions(self) -> dict[str, bool]:
        return {EXTENSION: True}

    def find_server_extensions(self) -> None:
        """Find none: what is installed and enabled on this machine is not for the people of the service."""
        self.jpserver_extensions = {EXTENSION: True}

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Read it, and write the log from here on as it is wanted."""
        super().parse_command_line(argv)
        if is_wanted(self.config):
            write_json(self)

    def init_logging(self) -> None:
        """Log as the server does, and never a token; as JSON, where that is wanted, all of the process."""
        super().init_logging()
        keep_tokens_out_of_logs()
        if is_wanted(self.config):
            write_json(self)  # where a configuration file said so
            write_the_rest_json()

    def init_webapp(self) -> None:
        """Make the web application, and take Jupyter's own pages away."""
        self.check_place()
        self.tornado_settings["headers"] = {**STATIC, **self.tornado_settings.get("headers", {})}
        self.tornado_settings["log_function"] = log_request
        super().init_webapp()
        self.web_app.wildcard_router.rules.clear()

    def init_httpserver(self) -> None:
        """Make the HTTP server, which bounds what its clients may take of it."""
        self.check_certificate()
        host = self._host()
        transforms: list[Any] = self.web_app.transforms
        transforms.append(partial(Headers, origins=host.origins, proxies=host.proxies, hsts_s=self.hsts_s))
        self._http_server = self.make_http_server(
            self.web_app, host.proxies, ssl_options=self.ssl_options, log=self.log
        )
        if not self.sock:
            self._find_http_port()
        self.io_loop.add_callback(self._bind_http_server)

    def _host(self) -> Host:
        (extension,) = self.extension_manager.extension_apps[EXTENSION]
        assert isinstance(extension, ServiceExtension)
        return extension.host

    def load_server_extensions(self) -> None:
        """Load ours, or exit and say what has to be mended."""
        try:
            super().load_server_extensions()
        except AIChatError as error:
            self.refuse_to_start(str(error))

    def init_signal(self) -> None:
        """Stop in order at SIGINT too, whether or not there is a terminal."""
        super().init_signal()
        signal.signal(signal.SIGINT, self._signal_stop)

    def stop(self, from_signal: bool = False) -> None:
        """Stop once: another signal must not cut short how runs are handed over."""
        if not self._stopping:
            super().stop(from_signal)

    def start(self) -> None:
        """Serve until the end is asked for, and then end: also where threads wait for a database that has gone."""
        super().start()
        late = threading.Timer(LINGER_S, os._exit, [0])
        late.daemon = True
        late.start()

    def start_app(self) -> None:
        """Start, and say where: Jupyter's own start speaks of kernels, tokens and browsers."""
        JupyterApp.start(self)
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            self.log.warning("The service runs as root; give it a user of its own")
        self.log.info(self.running_server_info())
        self.write_server_info_file()

    def running_server_info(self, kernel_count: bool = True) -> str:  # noqa: ARG002 (as the server calls it)
        """What is told at the start."""
        return f"jupyter_aichat {__version__} is served at {self.connection_url}"


main = AIChatService.launch_instance

if __name__ == "__main__":
    sys.exit(main())
