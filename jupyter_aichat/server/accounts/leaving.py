"""Going out: of one session, of all, or for good."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from tornado import web

from jupyter_aichat.errors import NotFound, Unauthenticated
from jupyter_aichat.protocol.accounts import LogoutBody
from jupyter_aichat.server.accounts.cookie import CookieHandler

_logout = msgspec.json.Decoder(LogoutBody)


class LogoutHandler(CookieHandler):
    """The end of one session: of the refresh token in the cookie or the body, else of the access token.

    An access token that has expired keeps nobody from going out, who has the other one.
    """

    @property
    def login(self) -> Literal["excused"]:
        """An access token may come along, also one that has ended."""
        return "excused"

    @allow_unauthenticated
    async def post(self) -> None:
        """End a session; one that is no more is no error."""
        given = self.body(_logout).refresh_token if self._body else None
        token = self.refresh_token(given)
        here = self.current_user is not None
        if token is not None:
            if given is None and "Authorization" not in self.request.headers:  # which no other site's page can send
                self.check_twin_of_cookie()
            await self.accounts.logout(token, self.origin)
        elif not here:
            raise Unauthenticated
        if here:
            with suppress(NotFound):  # the same session, or one that ended meanwhile
                await self.accounts.logout_here(self.identity, self.origin)
        self.forget()
        self.done()


class LogoutAllHandler(CookieHandler):
    """The end of all sessions."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """End all sessions of the account, this one too."""
        await self.accounts.logout_all(self.owner, self.origin)
        self.forget()
        self.done()
