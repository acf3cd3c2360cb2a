"""Who is asking: the server's own login, or a kernel with the token that this server gave to its kernels."""

from __future__ import annotations

import getpass
import hmac
import re
from collections.abc import Awaitable
from typing import Any

from jupyter_server.auth import IdentityProvider, User
from tornado.web import RequestHandler

from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.principal import Principal

_BEARER = re.compile(r"(?:token|bearer)\s+(?P<token>\S+)\s*", re.IGNORECASE)
KERNEL_USER = User(username="jupyter_aichat-kernel", name="Kernel", display_name="Kernel")
METRICS_USER = User(username="jupyter_aichat-metrics", name="Metrics", display_name="Metrics")


def local_principal(owner: str) -> Principal:
    """Return the one owner of a personal server, whatever its login calls the user.

    A login by token or password gives each request another anonymous name, so names cannot tell who owns a chat.
    """
    try:
        display_name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        display_name = owner
    return Principal(owner_id=OwnerId(owner), name=owner, display_name=display_name)


class TokenIdentity:
    """The server's identity provider, which also takes a token of ours, for some of our routes alone.

    Whoever brings the token is the ``user``, whom no login can be.
    """

    def __init__(self, provider: IdentityProvider, token: str, user: User) -> None:
        self._provider, self._token, self._user = provider, token, user

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def get_user(self, handler: RequestHandler) -> User | None | Awaitable[User | None]:
        """Return the user of a request."""
        if self._has_token(handler):
            return self._user
        return self._provider.get_user(handler)

    def is_token_authenticated(self, handler: RequestHandler) -> bool:
        """Whether a token came with the request, so that no other site can have made the browser send it."""
        return self._has_token(handler) or self._provider.is_token_authenticated(handler)

    def should_check_origin(self, handler: RequestHandler) -> bool:
        """Whether the request's origin matters."""
        return not self._has_token(handler) and self._provider.should_check_origin(handler)

    def _has_token(self, handler: RequestHandler) -> bool:
        found = _BEARER.fullmatch(handler.request.headers.get("Authorization", ""))
        return found is not None and hmac.compare_digest(found["token"].encode(), self._token.encode())
