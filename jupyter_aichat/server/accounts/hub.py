"""How the page's script goes on with a login that a JupyterHub has given, and ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from tornado import web

from jupyter_aichat.auth.hub_page import ACCESS_S
from jupyter_aichat.auth.identity import bearer_of
from jupyter_aichat.auth.scopes import ACCOUNT
from jupyter_aichat.protocol.accounts import GrantReply, LogoutBody, RefreshBody
from jupyter_aichat.server.accounts.cookie import OpenHandler, only_cookie
from jupyter_aichat.server.host import Host
from jupyter_aichat.server.private import PrivateHandler
from jupyter_aichat.server.table import NOWHERE, Route, Verb

HUB_COOKIE = "aichat_hub"
"""The cookie with the sealed token of the Hub; it is sent to all of the service, since the page itself needs it."""

Renew = Callable[[str | None, str | None], Awaitable[str]]
"""Returns the next access token for a cookie and the last one."""

_refresh = msgspec.json.Decoder(RefreshBody)
_logout = msgspec.json.Decoder(LogoutBody)


class HubRefreshHandler(OpenHandler):
    """Logins that go on."""

    renew: Renew

    def initialize(self, host: Host, route: Route = NOWHERE, renew: Renew | None = None) -> None:
        """Take what the table hands over, and who lets people in."""
        super().initialize(host, route)
        assert renew is not None
        self.renew = renew

    @allow_unauthenticated
    async def post(self) -> None:
        """Return the next access token for the last one, which comes as a bearer, and the cookie."""
        self.body(_refresh)
        access = await self.renew(only_cookie(self, HUB_COOKIE), bearer_of(self.request))
        self.reply(GrantReply(access_token=access, expires_in=ACCESS_S))


class HubLogoutHandler(PrivateHandler):
    """The end of a login here; the Hub's own ends at the Hub."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Forget the login in this browser."""
        if self._body:
            self.body(_logout)
        await self.accounts.went_out(self.owner, self.origin)
        self.clear_cookie(HUB_COOKIE, path=self.base_url, httponly=True, samesite="Strict")
        self.done()


_REFRESH = Route(
    "/auth/refresh",
    HubRefreshHandler,
    {
        "post": Verb(
            "Go on with a login",
            reply=GrantReply,
            body=RefreshBody,
            errors=(400, 401, 403, 413, 415, 429, 503),
            open=True,
        )
    },
)
_LOGOUT = Route("/auth/logout", HubLogoutHandler, {"post": Verb("Log out", (204,), body=LogoutBody, needs=ACCOUNT)})


def hub_handlers(host: Host, renew: Renew) -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """Return the URL table's part of logins at a Hub; it stands before the rest."""
    return [
        (_REFRESH.pattern, _REFRESH.handler, {"host": host, "route": _REFRESH, "renew": renew}),
        (_LOGOUT.pattern, _LOGOUT.handler, {"host": host, "route": _LOGOUT}),
    ]
