"""Addresses as a log may show them: people paste into them what is secret, wherever it has no business.

All that lets somebody in here (links, tokens of ours, of a JupyterHub's, JWT) is longer than our ids and words, so what is
longer is left out, but for names of files.
"""

from __future__ import annotations

import re

_MOST = 24
_FILE = re.compile(r"[A-Za-z0-9_-]{1,64}(\.(js|css|map|html|json|svg|png|ico|woff2?|gz))+")
_AFTER_SHARED = re.compile(r"(/shared/)[^/]+")


def shown_path(path: str) -> str:
    """Return a path with dots in the place of what may be a secret, and of what could steer a terminal."""
    return "/".join(map(shown_segment, _AFTER_SHARED.sub(r"\1…", path).split("/")))


def shown_segment(segment: str) -> str:
    """Return a segment of a path, such as an id, as a log may show it."""
    if len(segment) > _MOST and not _FILE.fullmatch(segment):
        return "…"
    return "".join(each if each.isprintable() else "?" for each in segment)
