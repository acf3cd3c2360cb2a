"""Who is asking, as a Jupyter server is told: the identity provider of a service with accounts.

A credential comes in a header that no other site can make a browser send, or as one of a socket's subprotocols, since a
browser cannot set headers there. It never comes in a cookie or in the URL.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from jupyter_server.auth import IdentityProvider, User
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler
from traitlets import default

from jupyter_aichat.domain.identity import Identity
from jupyter_aichat.errors import InvalidRequest, NotReady, Unauthenticated

SUBPROTOCOL = "jwt."
"""Before a token among a socket's subprotocols."""


@dataclass
class AccountUser(User):
    """Somebody with an account; an operator's authorizer finds roles and scopes in ``identity.principal``."""

    identity: Identity = field(kw_only=True, repr=False)


class AccountIdentity(IdentityProvider):
    """Lets people in who bring an access token or a personal token, or one of a JupyterHub that the service belongs to.

    A handler says with ``login`` whether one is ``needed``, ``welcome``, welcome though it may have ended (``excused``), or of no
    interest (``none``).
    """

    authenticate: Callable[[str], Awaitable[Identity]] | None = None
    """Returns who brings a token, or raises `Unauthenticated` or what keeps it from being known. Set by the app."""

    @default("token")
    def _token_default(self) -> str:
        return ""

    async def get_user(self, handler: RequestHandler) -> User | None:
        """Return the user of a request; raises `Unauthenticated`, or `StoreUnavailable` where that cannot be known."""
        login = getattr(handler, "login", "needed")
        if login == "none":
            return None
        bearer = bearer_of(handler.request)
        if bearer is None and login in ("welcome", "excused"):
            return None
        if bearer is None:
            raise Unauthenticated
        if self.authenticate is None:
            raise NotReady
        try:
            identity = await self.authenticate(bearer)
        except Unauthenticated:
            if login == "excused":
                return None
            raise
        who = identity.principal
        return AccountUser(who.owner_id, who.name, who.display_name, identity=identity)

    def is_token_authenticated(self, _handler: RequestHandler) -> bool:
        """No: other sites' pages are not let read our answers for the sake of a token."""
        return False

    def should_check_origin(self, handler: RequestHandler) -> bool:
        """Whether the request's origin matters: any site's page may open a socket, and no other can send our headers."""
        return isinstance(handler, WebSocketHandler)

    def get_handlers(self) -> list[tuple[str, object]]:
        """Return none: the page has a login of its own."""
        return []

    @property
    def login_available(self) -> bool:
        """No, not by a form of the server's."""
        return False

    def validate_security(self, app: Any, ssl_options: dict[str, Any] | None = None) -> None:
        """Warn of nothing: without a valid credential nobody gets in, and code is run for nobody."""


def bearer_of(request: HTTPServerRequest) -> str | None:
    """Return the one credential of a request; raises `InvalidRequest` for several, `Unauthenticated` for another kind."""
    credentials = request.headers.get_list("Authorization")
    words = ",".join(request.headers.get_list("Sec-WebSocket-Protocol")).split(",")
    jwts = [word.strip()[len(SUBPROTOCOL) :] for word in words if word.strip().startswith(SUBPROTOCOL)]
    if len(credentials) + len(jwts) > 1:
        raise InvalidRequest("Send one credential: a header Authorization, or a subprotocol jwt.<token>.")
    if not credentials:
        return jwts[0] if jwts else None
    scheme, _, token = credentials[0].strip().partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("Send the token as: Authorization: Bearer <token>.")
    return token.strip()
