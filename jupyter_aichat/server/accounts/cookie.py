"""What the handlers of logins share: the refresh token's cookie, and who may send it."""

from __future__ import annotations

from jupyter_server.base.handlers import JupyterHandler
from msgspec import UNSET
from tornado.web import RequestHandler

from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.identity import Grant
from jupyter_aichat.errors import InvalidRequest, UnsupportedMedia
from jupyter_aichat.protocol.accounts import GrantReply
from jupyter_aichat.server.private import PrivateHandler
from jupyter_aichat.server.table import BASE

COOKIE = "aichat_refresh"


def only_cookie(handler: RequestHandler, name: str) -> str | None:
    """Return a cookie; raises `InvalidRequest` where there are two of the name: another host or path has set one."""
    pairs = ";".join(handler.request.headers.get_list("Cookie")).split(";")
    if sum(pair.partition("=")[0].strip() == name for pair in pairs) > 1:
        raise InvalidRequest("Two logins came as cookies; clear this site's cookies, then log in again.")
    return handler.get_cookie(name)


class CookieHandler(PrivateHandler):
    """Base of handlers that read, set or clear the cookie with the refresh token.

    No script can read it, it is sent to the routes below ``/auth`` alone, and no other site can make a browser send it.
    """

    @property
    def cookie(self) -> str | None:
        """The refresh token of the cookie; raises `InvalidRequest` for two: another host of the domain has set one."""
        return only_cookie(self, COOKIE)

    def refresh_token(self, given: str | None) -> str | None:
        """Return the refresh token of the body or of the cookie; raises `InvalidRequest` for both."""
        cookie = self.cookie
        if given is not None and cookie is not None:
            raise InvalidRequest("Send one refresh token: in the body or as the cookie.")
        return cookie if given is None else given

    def keep(self, token: str, max_age_s: int) -> None:
        """Set the cookie."""
        secure = self.request.protocol == "https"
        self.set_cookie(
            COOKIE, token, path=self._path, max_age=max_age_s, httponly=True, samesite="Strict", secure=secure
        )

    def forget(self) -> None:
        """Clear the cookie."""
        self.clear_cookie(COOKIE, path=self._path, httponly=True, samesite="Strict")

    def check_twin_of_cookie(self) -> None:
        """Refuse a request that another site may have made the browser send, as jupyter_server knows them."""
        JupyterHandler.check_xsrf_cookie(self)

    def grant(self, grant: Grant, *, cookie: bool) -> None:
        """Answer with what lets somebody in, the refresh token in the cookie or in the body."""
        if cookie:
            self.keep(grant.refresh_token, int((grant.refresh_expires_at - now()).total_seconds()))
        token = UNSET if cookie else grant.refresh_token
        self.reply(GrantReply(access_token=grant.access_token, refresh_token=token, expires_in=grant.expires_in))

    @property
    def _path(self) -> str:
        return f"{self.base_url.rstrip('/')}{BASE}/auth"


class OpenHandler(CookieHandler):
    """Base of handlers that ask for no login: a page of another site may not use them, also by a plain form."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Let the request in."""
        await super().prepare()
        if self.request.method == "POST":
            try:
                self.refuse_other_sites()
                self._check_type()
            except Exception:
                await self.read_unwanted()
                raise

    def _check_type(self) -> None:
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise UnsupportedMedia("Send Content-Type: application/json.")
