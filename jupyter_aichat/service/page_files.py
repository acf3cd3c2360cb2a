"""The built page, as it is sent: each file whole in memory, compressed beforehand."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_aichat.service.asset_origin import from_elsewhere
from jupyter_aichat.service.page_policy import page_policy

FOLDER = Path(__file__).parent.parent / "static" / "page"
_BASE = '<base href="/">'
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@dataclass(frozen=True)
class PageFile:
    """A file with its type; ``gzipped`` is the same, compressed."""

    body: bytes
    content_type: str
    gzipped: bytes | None = None


@dataclass(frozen=True)
class PageFiles:
    """What the page is made of: its HTML, empty where it was not built, and the files that this names; and its policy."""

    html: bytes
    assets: Mapping[str, PageFile]
    policy: str = page_policy()

    @property
    def etag(self) -> str:
        """Names this HTML among all that there were and will be."""
        return f'"{hashlib.sha256(self.html).hexdigest()[:32]}"'


def read_page(base_url: str, folder: Path = FOLDER, asset_url: str = "") -> PageFiles:
    """Read the built page, for a service that stands at `base_url`; browsers take its assets from `asset_url`, if that is told."""
    index = folder / "index.html"
    if not index.is_file():
        return PageFiles(b"", {})
    base = f'<base href="{html.escape(base_url)}">'
    text = index.read_text(encoding="utf-8").replace(_BASE, base)
    assets = {path.name: _read(path) for path in (folder / "assets").iterdir() if path.suffix in _TYPES}
    if not asset_url:
        return PageFiles(text.encode(), assets)
    text, policy = from_elsewhere(text, {name: file.body for name, file in assets.items()}, asset_url)
    return PageFiles(text.encode(), assets, policy)


def _read(path: Path) -> PageFile:
    compressed = path.with_name(f"{path.name}.gz")
    gzipped = compressed.read_bytes() if compressed.is_file() else None
    return PageFile(path.read_bytes(), _TYPES[path.suffix], gzipped)
