"""Serves the page: one HTML file for all its places, and assets that are named by their content."""

from __future__ import annotations

from typing import Any, Literal

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from jupyter_aichat.service.headers import IMMUTABLE
from jupyter_aichat.service.page_files import PageFiles

PLACES = r"/?(?:login|register|chats/[^/]+|shared/[^/]+|settings(?:/[^/]*)?|admin(?:/[^/]*)?)?/?"
"""The addresses that the page reads by itself (`labextension/src/page/places.ts`)."""

_NOTICE = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Chat</title>'
    b"<p>This chat is used from JupyterLab: start your server, and open the chat panel there.</p></html>"
)
NOT_BUILT = b"<!doctype html><title>Chat</title><p>The page was not built: run <code>make build</code>.</p>"


class OpenPage(JupyterHandler):
    """What is for everybody: the page lets nobody in by itself, its requests do."""

    login: Literal["none"] = "none"
    files = PageFiles(b"", {})

    def initialize(self, files: PageFiles) -> None:
        """Take what was built."""
        self.files = files
        self.set_default_headers()  # tornado has set them before

    def set_default_headers(self) -> None:
        """Let the page load and be loaded by nothing but itself."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", self.files.policy)

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say the status, in words of the web's own."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code} {self._reason}\n")


class PageHandler(OpenPage):
    """The HTML. It is asked for each time, and sent again only if it is another."""

    @allow_unauthenticated
    def get(self) -> None:
        """Send the page."""
        if not self.request.path.startswith(self.base_url):
            self.redirect(self.base_url)  # without its slash the root is no folder
            return
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        if not self.files.html:
            self.set_status(404)
        self.finish(self.files.html or NOT_BUILT)

    @allow_unauthenticated
    def head(self) -> None:
        """Send what stands before the page."""
        self.get()

    def compute_etag(self) -> str:
        """Name the HTML."""
        return self.files.etag


class AssetHandler(OpenPage):
    """A file that has its content in its name, so that it is asked for once."""

    @allow_unauthenticated
    def get(self, name: str) -> None:
        """Send the file."""
        file = self.files.assets.get(name)
        if file is None:
            raise web.HTTPError(404)
        self.set_header("Content-Type", file.content_type)
        self.set_header("Cache-Control", IMMUTABLE)
        self.set_header("Vary", "Accept-Encoding")
        body = file.body
        if file.gzipped is not None and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            body = file.gzipped
        self.finish(body)

    @allow_unauthenticated
    def head(self, name: str) -> None:
        """Send what stands before the file."""
        self.get(name)

    def compute_etag(self) -> None:
        """Name nothing: the address does."""


class NoticeHandler(OpenPage):
    """What stands in the page's place where people log in elsewhere."""

    @allow_unauthenticated
    def get(self) -> None:
        """Say where the chat is."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(_NOTICE)

    @allow_unauthenticated
    def head(self) -> None:
        """Send what stands before it."""
        self.get()


def notice_handlers() -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """Return the page's part of the URL table where there is no page."""
    return [(r"/?", NoticeHandler, {"files": PageFiles(b"", {})})]


def page_handlers(files: PageFiles) -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """Return the page's part of the URL table."""
    return [(PLACES, PageHandler, {"files": files}), (r"/assets/([^/]+)", AssetHandler, {"files": files})]
