"""The service's address, as it may be configured, and the paths below it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from jupyter_aichat.errors import NotFound, NotReady
from jupyter_aichat.server.table import BASE

_SEGMENT = re.compile(r"[\w.~-]+", re.ASCII)
_WHAT = "RemoteMode.service_url is the address of the service, such as https://chat.example.org"


def base_url(service_url: str, *, allow_http: bool) -> str:
    """Return the URL below which the API's paths are; raises `NotReady` for what cannot be one."""
    try:
        parts = urlsplit(service_url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise NotReady(f"{_WHAT}: {error}.") from None
    if parts.scheme not in ("http", "https") or not host or not service_url.isascii():
        raise NotReady(f"{_WHAT}.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise NotReady(f"{_WHAT}, without credentials, question mark or fragment.")
    if parts.scheme == "http" and not (allow_http or _is_here(host)):
        raise NotReady(
            f"{parts.scheme}://{parts.netloc} is not encrypted, so others could read the token and the chats: use https://, or "
            "set RemoteMode.allow_http where the network between is trusted."
        )
    path = quote(parts.path.rstrip("/").removesuffix(BASE).rstrip("/"), safe="/%")
    return f"{parts.scheme}://{parts.netloc}{path}{BASE}"


def shown(base: str) -> str:
    """Return an address for people: without the API's path."""
    return base.removesuffix(BASE)


def page_url(told: str) -> str:
    """Return where browsers find the service's page, with a slash at its end; "" for what is neither an address nor a path."""
    try:
        parts = urlsplit(told.strip())
    except ValueError:
        return ""
    is_address = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    is_path = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    if not (is_address or is_path) or parts.query or parts.fragment or not told.isascii():
        return ""
    return f"{told.strip().rstrip('/')}/"


def target(template: str, segments: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Return a path of the URL table with its names filled in; raises `NotFound` for what no id is made of.

    A proxy before the service may decode what we have encoded, and follow it out of the API's paths, with the token.
    """
    if any(segment in (".", "..") or not _SEGMENT.fullmatch(segment) for segment in segments.values()):
        raise NotFound
    path = template.format_map(segments)
    return f"{path}?{urlencode(query)}" if query else path


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
