"""What clients may take of the service's HTTP server."""

from __future__ import annotations

import logging
import ssl
from typing import Any

from tornado.web import Application
from traitlets import Float, HasTraits, Int

from jupyter_aichat.server.proxies import Proxies
from jupyter_aichat.service.http_server import BoundedServer, bound

MOST_HEADER_BYTES = 32 * 1024
MOST_BODY_BYTES = 1024 * 1024
"""Of requests whose handlers do not read the body by themselves; ours say 413 to what is longer, and keep none of it."""


class Bounds(HasTraits):
    """Settings of `AIChatService`."""

    idle_s = Float(
        75.0, min=1,
        help="Seconds until the headers of a request must be there, on a new connection and on one that is kept for the next.",
    ).tag(config=True)  # fmt: skip
    body_s = Float(60.0, min=1, help="Seconds until the body of a request must be there.").tag(config=True)
    max_connections = Int(
        12_000, min=1, help="Connections at once, sockets among them; more are closed as they come."
    ).tag(config=True)
    address_connections = Int(
        1000, min=1,
        help="Connections at once from one address (of IPv6: one /64 network); trusted proxies may have as many as there are.",
    ).tag(config=True)  # fmt: skip
    hsts_s = Int(
        365 * 24 * 3600, min=0,
        help="Seconds for which browsers are told to come by TLS only (Strict-Transport-Security); said over TLS, 0 for never.",
    ).tag(config=True)  # fmt: skip

    def make_http_server(
        self,
        app: Application,
        proxies: Proxies,
        *,
        ssl_options: dict[str, Any] | ssl.SSLContext | None,
        log: logging.Logger,
    ) -> BoundedServer:
        """Return a server that does not listen yet."""
        most = bound(self.max_connections)
        if most < self.max_connections:
            log.warning("At most %s connections: the system allows no more open files (ulimit -n)", most)
        return BoundedServer(
            app,
            ssl_options=ssl_options,
            max_header_size=MOST_HEADER_BYTES,
            max_body_size=MOST_BODY_BYTES,
            max_buffer_size=4 * MOST_BODY_BYTES,
            idle_connection_timeout=self.idle_s,
            body_timeout=self.body_s,
            most=most,
            most_of_one=self.address_connections,
            is_proxy=proxies.trusts,
            log=log,
        )
