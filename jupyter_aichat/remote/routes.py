"""Which routes of the URL table are forwarded.

The chat's own. Accounts are for the service's page: whoever can ask this server may not make tokens or delete the account.
"""

from __future__ import annotations

from typing import Any

from tornado import web

from jupyter_aichat.remote.forwarding import ForwardHandler, RemoteHandler, RemoteHealthHandler, RemoteReadyHandler
from jupyter_aichat.remote.gateway import Gateway
from jupyter_aichat.remote.socket import RemoteSocketHandler
from jupyter_aichat.server.host import Host
from jupyter_aichat.server.routes import ROUTES
from jupyter_aichat.server.table import BASE, Route
from jupyter_aichat.server.unknown import UnknownHandler

_ROOTS = frozenset({"me", "models", "chats", "runs", "events", "shared"})
_SPECIAL: dict[str, type[RemoteHandler | RemoteSocketHandler]] = {
    "/health": RemoteHealthHandler,
    "/ready": RemoteReadyHandler,
    "/ws": RemoteSocketHandler,
}

Handlers = list[tuple[str, type[web.RequestHandler], dict[str, Any]]]


def handlers(host: Host, gateway: Gateway) -> Handlers:
    """Return the URL table for a web application that forwards to a service."""
    table: Handlers = [
        (route.pattern, kind, {"host": host, "gateway": gateway, "route": route})
        for route in ROUTES
        if (kind := _handler(route)) is not None
    ]
    return [*table, (f"{BASE}(?:/.*)?", UnknownHandler, {"host": host})]


def _handler(route: Route) -> type[RemoteHandler | RemoteSocketHandler] | None:
    root = route.path.split("/")[1]
    return _SPECIAL.get(route.path) or (ForwardHandler if root in _ROOTS else None)
