"""Which pages of other sites may ask: those that the operator names, exactly as browsers do, and no others."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from tornado.httputil import HTTPHeaders, HTTPServerRequest

_PORTS = {"http": 80, "https": 443}
_MAY_SEND = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID"
_MAY_READ = "Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, Content-Disposition, ETag"
_METHODS = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
_KNOWN_S = 600


class Origins:
    """The origins that are allowed beside our own: ``https://host`` or ``https://host:port``.

    Raises `ValueError` for anything else: an origin has no path, ``*`` and ``null`` are everybody.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(map(_checked, allowed))

    def has(self, request: HTTPServerRequest) -> bool:
        """Whether a request comes from one of our own pages, an allowed one, or no page at all."""
        origins = request.headers.get_list("Origin")
        if not origins:
            return True
        own = _normal(f"{request.protocol}://{request.host}")
        found = _normal(origins[0])
        return len(origins) == 1 and found is not None and (found == own or found in self._allowed)

    def answer(self, request: HTTPServerRequest, headers: HTTPHeaders) -> None:
        """Let pages of allowed origins read an answer, and send what our clients send; never with cookies."""
        for name in [name for name in headers if name.lower().startswith("access-control-")]:
            del headers[name]
        if not self._allowed:
            return
        headers.add("Vary", "Origin")
        origins = request.headers.get_list("Origin")
        if len(origins) != 1 or _normal(origins[0]) not in self._allowed:
            return
        headers["Access-Control-Allow-Origin"] = origins[0]
        headers["Access-Control-Expose-Headers"] = _MAY_READ
        if request.method == "OPTIONS":
            headers["Access-Control-Allow-Headers"] = _MAY_SEND
            headers["Access-Control-Allow-Methods"] = _METHODS
            headers["Access-Control-Max-Age"] = str(_KNOWN_S)


def _checked(origin: str) -> str:
    normal = _normal(origin)
    if normal is None:
        raise ValueError(f"{origin!r} is no origin, such as https://chat.example.org")
    return normal


def _normal(origin: str) -> str | None:
    """Return an origin as it is compared: lower case, without the port that its scheme has anyway; None for what is none."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or origin.lower() != f"{parts.scheme}://{parts.netloc.lower()}":
        return None
    if "@" in parts.netloc or "*" in parts.netloc or any(each.isspace() for each in origin):
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port in (None, _PORTS[parts.scheme]) else f":{port}")
