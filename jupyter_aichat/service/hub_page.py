"""The page where people log in at a JupyterHub: it comes with its access token, and a login leads to the Hub and back.

On one domain, pages of people's own servers are of our origin: their scripts may ask for everything here, with the visitor's
cookie. So the token is only in what a browser shows as a page (`Sec-Fetch-Dest` is the browser's own word), which nobody frames
and which lets go of who opened it.
"""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlencode

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado import web

from jupyter_aichat.auth.hub_page import ACCESS_S, LOGIN_S
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.errors import AIChatError, InvalidRequest, NotReady, Unauthenticated
from jupyter_aichat.server.accounts.cookie import only_cookie
from jupyter_aichat.server.accounts.hub import HUB_COOKIE
from jupyter_aichat.server.host import Host
from jupyter_aichat.service.hub_door import Entered, PageDoor
from jupyter_aichat.service.page import NOT_BUILT, PLACES, AssetHandler, OpenPage
from jupyter_aichat.service.page_files import PageFiles

MARK = "aichat_hub_login"
_MARK = re.compile(r"[\w-]{43}", re.ASCII)
_PLACE = re.compile(r"(?:(?:chats|shared)/[\w.~-]{1,256}|(?:settings|admin)(?:/[a-z]{1,32})?)?", re.ASCII)
_NEEDS_NO_LOGIN = ("login", "register", "shared")


class HubPageHandler(OpenPage):
    """Base of what stands around the login. What it answers is for one person, and kept nowhere."""

    def initialize(self, files: PageFiles, door: PageDoor | None = None, host: Host | None = None) -> None:
        """Take what was built, and who lets people in."""
        super().initialize(files)
        assert door is not None
        assert host is not None
        self.door, self.host = door, host

    def set_default_headers(self) -> None:
        """Be kept nowhere, and out of reach of who opened the window."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")
        self.set_header("Cross-Origin-Opener-Policy", "noopener-allow-popups")

    def compute_etag(self) -> None:
        """Name nothing."""

    @property
    def is_shown(self) -> bool:
        """Whether a browser shows the answer as a page; browsers say so of all that they fetch, where the way to us is safe."""
        return self.request.headers.get("Sec-Fetch-Dest", "document") == "document"

    @property
    def mark(self) -> str | None:
        """By what this browser is known again when it comes back from the Hub."""
        found = self.get_cookie(MARK, "") or ""
        return found if _MARK.fullmatch(found) else None

    def set_own_cookie(self, name: str, value: str, max_age: int, *, strict: bool) -> None:
        """Set a cookie that no script can read and no other service is sent."""
        secure, same_site = self.request.protocol == "https", "Strict" if strict else "Lax"
        self.set_cookie(
            name, value, path=self.base_url, max_age=max_age, httponly=True, samesite=same_site, secure=secure
        )

    def leave(self, place: str) -> None:
        """Send the browser to the Hub, to come back to a place of the page."""
        leaving = self.door.leave(place if _PLACE.fullmatch(place) else "", self.mark)
        self.set_own_cookie(MARK, leaving.mark, LOGIN_S, strict=False)  # it may come back from another site's login
        self.redirect(leaving.url)


class HubPlaceHandler(HubPageHandler):
    """The page, for who has a login; who has none is sent to get one."""

    @allow_unauthenticated
    async def get(self) -> None:
        """Send the page."""
        path, root = self.request.path, self.base_url
        if not path.startswith(root):
            self.redirect(root)
            return
        place = path.removeprefix(root)
        access = ""
        if self.is_shown:
            try:
                access = await self.door.access(only_cookie(self, HUB_COOKIE))
            except Unauthenticated:
                if place.partition("/")[0] not in _NEEDS_NO_LOGIN:
                    self.leave(place.rstrip("/"))
                    return
            except AIChatError:
                pass  # the page asks by itself, and says what is wrong
        self._send(access)

    def _send(self, access: str) -> None:
        said = {"aichat-hub": self.door.logout_url}
        if access:
            said |= {"aichat-access": access, "aichat-access-seconds": str(ACCESS_S)}
        tags = "".join(f'<meta name="{name}" content="{html.escape(value)}">' for name, value in said.items())
        self.set_header("Content-Type", "text/html; charset=utf-8")
        if not self.files.html:
            self.set_status(404)
        self.finish(self.files.html.replace(b"</head>", f"{tags}</head>".encode(), 1) or NOT_BUILT)

    @allow_unauthenticated
    def head(self) -> None:
        """Send what stands before the page."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish()


class HubLoginHandler(HubPageHandler):
    """The way to the Hub."""

    @allow_unauthenticated
    def get(self) -> None:
        """Begin a login."""
        self.leave(self.get_query_argument("next", ""))


class HubCallbackHandler(HubPageHandler):
    """The way back."""

    @allow_unauthenticated
    async def get(self) -> None:
        """End a login, and go to the place that was wanted; what is refused leads to the page, which offers another try."""
        code, state = self.get_query_argument("code", ""), self.get_query_argument("state", "")
        try:
            entered = await self._enter(code, state)
        except AIChatError as error:
            self.log.info("A login at JupyterHub was refused: %s", error.code)
            self.redirect(f"{self.base_url}login?{urlencode({'refused': error.code})}")
            return
        self.set_own_cookie(HUB_COOKIE, entered.cookie, entered.max_age_s, strict=True)
        self.redirect(self.base_url + entered.place)

    async def _enter(self, code: str, state: str) -> Entered:
        if not code or not state:
            raise InvalidRequest
        entered = await self.door.enter(code, state, self.mark)
        if (found := self.host.accounts) is None:
            raise NotReady
        origin = Origin(self.request.remote_ip or "", self.request.headers.get("User-Agent", ""))
        await found.accounts.came_in(entered.identity.principal.owner_id, origin)
        return entered


def hub_page_handlers(
    files: PageFiles, door: PageDoor, host: Host
) -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """Return the page's part of the URL table where people log in at a Hub."""
    around = {"files": files, "door": door, "host": host}
    return [
        (PLACES, HubPlaceHandler, around),
        (r"/oauth_login", HubLoginHandler, around),
        (r"/oauth_callback", HubCallbackHandler, around),
        (r"/assets/([^/]+)", AssetHandler, {"files": files}),
    ]
