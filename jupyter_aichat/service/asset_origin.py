"""Lets the page's assets come from another origin, such as a CDN's: it can withhold them, and change nothing of them.

Browsers load an asset only from there and only with the content that the HTML names: the entry and the styles by their
attributes, the modules that these import by the import map, which stands in the HTML and is itself named in the policy.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping

from jupyter_aichat.service.page_policy import page_policy

_URL = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?((?:/[A-Za-z0-9._~%-]+)*/?)")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_NAMED = re.compile(r'(src|href)="assets/([^"]+)"')
_BASE = re.compile(r"<base [^>]*>")


def checked(url: str) -> str:
    """Return a folder's address with a slash at its end, "" for none; raises `ValueError` for what is no such address."""
    if not url:
        return ""
    form = _URL.fullmatch(url)
    if form is None or (form[1] == "http" and form[2].lower() not in _LOOPBACK):
        raise ValueError(f"{url!r} is no address of a folder, such as https://cdn.example.org/aichat")
    return url if url.endswith("/") else f"{url}/"


def from_elsewhere(html: str, assets: Mapping[str, bytes], url: str) -> tuple[str, str]:
    """Return the HTML that takes its assets from `url`, which ends with a slash, and the policy for it."""
    sums = {name: f"sha384-{_base64(hashlib.sha384(body).digest())}" for name, body in assets.items()}

    def named(found: re.Match[str]) -> str:
        return f'{found[1]}="{url}{found[2]}" integrity="{sums[found[2]]}" crossorigin="anonymous"'

    modules = {f"{url}{name}": value for name, value in sorted(sums.items()) if name.endswith(".js")}
    map_ = json.dumps({"integrity": modules}, separators=(",", ":"))
    html = _BASE.sub(lambda base: f'{base[0]}<script type="importmap">{map_}</script>', _NAMED.sub(named, html), 1)
    return html, page_policy((url, f"'sha256-{_base64(hashlib.sha256(map_.encode()).digest())}'"), (url,))


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
