"""Somebody at a browser, as far as a server can tell: cookies, redirects, and what browsers say of what they fetch."""

from __future__ import annotations

import re
from types import TracebackType
from urllib.parse import urlsplit

import httpx

AS_PAGE = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
BY_SCRIPT = {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
_META = re.compile(r'<meta name="aichat-access" content="([^"]+)">')
_XSRF = re.compile(r'name="_xsrf" value="([^"]+)"')


def access_in(page: httpx.Response) -> str:
    """Return the access token that a page came with, or an empty text."""
    found = _META.search(page.text)
    return found[1] if found else ""


class Visitor:
    """A browser at a Hub; what it is sent to, it goes to."""

    def __init__(self, hub_url: str) -> None:
        self.url = f"{hub_url}/services/aichat/"
        self.http = httpx.Client(follow_redirects=True, timeout=30)
        self._hub = hub_url

    def __enter__(self) -> Visitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def open(self, place: str = "", **headers: str) -> httpx.Response:
        """Open a place of the page."""
        return self.http.get(self.url + place, headers={**AS_PAGE, **headers})

    def log_in(self, name: str, place: str = "") -> httpx.Response:
        """Open a place, and log in at the Hub where that leads; return where it ends."""
        form = self.open(place)
        assert urlsplit(str(form.url)).path == "/hub/login", form.url
        said = {"username": name, "password": "any", "_xsrf": _XSRF.findall(form.text)[0]}
        return self.http.post(str(form.url), data=said, headers=AS_PAGE)

    def renew(self, access: str = "", **headers: str) -> httpx.Response:
        """Ask for the page's next access token, as its script does."""
        bearer = {"Authorization": f"Bearer {access}"} if access else {}
        url = f"{self.url}api/aichat/v1/auth/refresh"
        return self.http.post(
            url, json={"attempt": "1"}, headers={**BY_SCRIPT, "Origin": self._hub, **bearer, **headers}
        )

    def ask(self, method: str, path: str, access: str, **more: object) -> httpx.Response:
        """Ask the service as the page's script does."""
        headers = {**BY_SCRIPT, "Authorization": f"Bearer {access}", "Origin": self._hub}
        return self.http.request(method, f"{self.url}api/aichat/v1{path}", headers=headers, **more)  # type: ignore[arg-type]
