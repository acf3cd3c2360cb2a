"""What the page may load and be loaded by (Content-Security-Policy)."""

from __future__ import annotations

from collections.abc import Iterable


def page_policy(scripts: Iterable[str] = (), styles: Iterable[str] = ()) -> str:
    """Return the policy; scripts and styles may also come from these sources."""
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self'", *scripts)),
            " ".join(("style-src 'self'", *styles)),
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "base-uri 'self'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types jupyter-aichat",
        )
    )
