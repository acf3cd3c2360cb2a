"""Which requests a kernel may make, and how a path becomes one of them.

A view in the browser names paths, and they are sent on with the kernel's credential: so a path is taken apart, held
against the table, and put together anew from its checked parts.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode

from jupyter_aichat.errors import NotFound

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Query = tuple[tuple[str, str], ...]

ROUTES: dict[str, tuple[Method, ...]] = {
    "health": ("GET",),
    "ready": ("GET",),
    "me": ("GET",),
    "models": ("GET",),
    "chats": ("GET", "POST"),
    "chats/{}": ("GET", "PATCH", "DELETE"),
    "chats/{}/messages": ("GET", "POST"),
    "chats/{}/messages/{}/edit": ("POST",),
    "chats/{}/messages/{}/regenerate": ("POST",),
    "chats/{}/messages/{}/continue": ("POST",),
    "runs/{}": ("GET", "DELETE"),
}
"""The URL table's requests, without its streams and its socket."""

EXPORT = "chats/{}/export"
"""A request that kernels alone may make: what comes back is no JSON for a view."""

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_LONGEST = 4096


class Call(NamedTuple):
    """A request of the table: its route, the ids in it, and its query."""

    method: Method
    route: str
    ids: tuple[str, ...] = ()
    query: Query = ()

    @property
    def path(self) -> str:
        """The path below the API's base, with its query; raises `NotFound` for an id that is none."""
        if not all(map(_ID.fullmatch, self.ids)):
            raise NotFound("There is no such address here.")
        path = self.route.format(*self.ids)
        return f"{path}?{urlencode(self.query)}" if self.query else path


def parse_call(method: str, path: str) -> Call:
    """Return the request that a method and a path mean; raises `NotFound` for what is not in the table."""
    place, _, query = path.partition("?")
    segments = [unquote(segment) for segment in place.removeprefix("/").split("/")]
    for route, methods in ROUTES.items():
        ids = _match(route.split("/"), segments)
        for known in methods:
            if ids is not None and known == method and len(path) <= _LONGEST:
                return Call(known, route, ids, tuple(parse_qsl(query, keep_blank_values=True)))
    raise NotFound("There is no such address here.")


def _match(pattern: list[str], segments: list[str]) -> tuple[str, ...] | None:
    if len(pattern) != len(segments):
        return None
    ids: list[str] = []
    for wanted, segment in zip(pattern, segments, strict=True):
        if wanted == "{}" and _ID.fullmatch(segment):
            ids.append(segment)
        elif wanted != segment:
            return None
    return tuple(ids)
