"""The title that a chat takes from its first message."""

from __future__ import annotations

_LENGTH = 60


def title_from(text: str) -> str:
    """Return the first line that says something, cut at a word."""
    line = next((line.strip(" \t#>*-`") for line in text.splitlines() if line.strip(" \t#>*-`")), "")
    line = " ".join(line.split())
    if len(line) <= _LENGTH:
        return line
    return line[:_LENGTH].rsplit(" ", 1)[0].rstrip(",;:.") + "…"
