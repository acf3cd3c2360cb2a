"""Whether a model goes on with a last message of role assistant, as far as `/api/show` tells.

Ollama has no field for it: the prompt's template decides. Four cases, from Ollama's source (0.17.4) and its library:

* A template without ``.Messages`` is cut at ``.Response`` by Ollama itself: always open.
* One with ``.Messages`` is open if it leaves the end of turn out for the last message; all of the library's do that
  with an ``if … not … $last`` (or with the ``slice`` that stands for it). Those that write the end of turn after every
  message (``chatml``, ``llama3-instruct`` …) would begin a second answer.
* A renderer built into Ollama: those in `_OPEN_RENDERERS` leave it open, the others do not.
* Neither template nor renderer (cloud models): unknown, so no.
"""

from __future__ import annotations

import re

_OPEN_RENDERERS = frozenset(
    {
        "lfm2", "lfm2-thinking", "olmo3", "olmo3.1", "qwen3-coder",
        "qwen3-vl-instruct", "qwen3-vl-thinking", "qwen3.5",
    }
)  # fmt: skip
_LEFT_OPEN = re.compile(r"\{\{-?\s*(?:else\s+)?if\b[^}]*\bnot\b[^}]*(?:\$last\b|\bslice\b)[^}]*\}\}", re.IGNORECASE)


def leaves_open(template: str, renderer: str = "") -> bool:
    """Tell whether a last assistant message stays open in the prompt."""
    if renderer:
        return renderer in _OPEN_RENDERERS
    if ".Messages" in template:
        return _LEFT_OPEN.search(template) is not None
    return bool(template)
