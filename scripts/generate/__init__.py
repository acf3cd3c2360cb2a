"""What is generated from the code: the API's document, the frames' schema, the page of settings, the
front end's types.

``python -m scripts.generate`` writes all; a test fails while one is not current.
"""

from __future__ import annotations

from pathlib import Path

from scripts.generate import frames, openapi, settings, typescript

ROOT = Path(__file__).resolve().parents[2]


def generated() -> dict[Path, str]:
    """Return the text of each generated file."""
    return {
        ROOT / "docs" / "openapi.yaml": openapi.text(),
        ROOT / "docs" / "frames.schema.json": frames.text(),
        ROOT / "docs" / "operators" / "settings.md": settings.text(),
        ROOT / "labextension" / "src" / "ui" / "protocol.generated.ts": typescript.text(),
    }
