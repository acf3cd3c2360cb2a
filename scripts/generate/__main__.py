"""Write all generated files."""

from __future__ import annotations

from scripts.generate import ROOT, generated

for path, text in generated().items():
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
