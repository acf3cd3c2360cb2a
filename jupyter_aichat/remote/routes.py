"""Which routes of the URL table are forwarded.

The chat's own. Accounts are for the service's page: whoever can ask this server may not make tokens or delete the account.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tornado import web

from jupyter_aichat.auth.scopes import READ, WRITE
from jupyter_aichat.remote.forwarding import ForwardHandler, RemoteHandler, RemoteHealthHandler, RemoteReadyHandler
from jupyter_aichat.remote.gateway import Gateway
from jupyter_aichat.remote.socket import RemoteSocketHandler
from jupyter_aichat.server.host import Host
from jupyter_aichat.server.routes import ROUTES
from jupyter_aichat.server.table import BASE, LOGIN, Route
from jupyter_aichat.server.unknown import UnknownHandler

_ROOTS = frozenset({"me", "models", "chats", "runs", "events", "shared", "export", "import"})
_SPECIAL: dict[str, type[RemoteHandler | RemoteSocketHandler]] = {
    "/health": RemoteHealthHandler,
    "/ready": RemoteReadyHandler,
    "/ws": RemoteSocketHandler,
}

Handlers = list[tuple[str, type[web.RequestHandler], dict[str, Any]]]


def handlers(host: Host, gateway: Gateway) -> Handlers:
    """Return the URL table for a web application that forwards to a service."""
    return [
        *(
            (route.pattern, kind, {"host": host, "route": route, "gateway": gateway})
            for route in map(_forwarded, ROUTES)
            if route.verbs and (kind := _handler(route)) is not None
        ),
        (f"{BASE}(?:/.*)?", UnknownHandler, {"host": host}),
    ]


def _forwarded(route: Route) -> Route:
    """A route with those of its verbs that are about chats."""
    verbs = {name: verb for name, verb in route.verbs.items() if verb.open or verb.needs in (LOGIN, READ, WRITE)}
    return replace(route, verbs=verbs)


def _handler(route: Route) -> type[RemoteHandler | RemoteSocketHandler] | None:
    root = route.path.split("/")[1]
    return _SPECIAL.get(route.path) or (ForwardHandler if root in _ROOTS else None)
