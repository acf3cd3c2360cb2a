"""What every answer of the service says to browsers."""

from __future__ import annotations

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

from jupyter_aichat.server.origins import Origins
from jupyter_aichat.server.proxies import Proxies

CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
"""Of what is no page: whatever it is taken for, it loads nothing, runs nothing and is framed by nobody."""

IMMUTABLE = "public, max-age=31536000, immutable"
"""What has its content in its name, and is everybody's: pages of any origin may load it, as ours do from a CDN."""

STATIC = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""The same for all answers that say nothing else; the page has a policy of its own."""


class Headers(OutputTransform):
    """What depends on the request: who may read the answer, whether it is kept, and that TLS stays."""

    def __init__(self, request: HTTPServerRequest, *, origins: Origins, proxies: Proxies, hsts_s: int) -> None:
        proxies.place(request)
        self._request, self._origins, self._hsts_s = request, origins, hsts_s

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, _finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Complete the headers."""
        for name, value in STATIC.items():
            headers.setdefault(name, value)
        self._origins.answer(self._request, headers)
        if headers.get("Cache-Control") == IMMUTABLE:
            headers["Access-Control-Allow-Origin"] = "*"
            headers["Vary"] = "Accept-Encoding"  # not by origin: caches would keep it for each
        headers.pop("Server", None)
        if self._request.protocol == "https" and self._hsts_s:
            headers["Strict-Transport-Security"] = f"max-age={self._hsts_s}"
        if "Cache-Control" not in headers:
            kept = self._request.method in ("GET", "HEAD") and status_code in (200, 304)
            headers["Cache-Control"] = "private, no-cache" if kept else "no-store"
        return status_code, headers, chunk
