"""The title that a chat takes from its first message."""

from __future__ import annotations

import re

_LENGTH = 60
_BEGINNING = 20_000
"""A title is looked for in so many characters, so that none costs much."""
_LINE = 500
"""And no more than this is read of one line."""

_BLOCK = re.compile(r"(?:\s*(?:>|\#{1,6}(?=\s)|[-*+](?=\s)))*\s*")
_FENCE = re.compile(r"\s*(?:`{3,}[^`]*|~{3,}.*)")
_SAYS_NOTHING = re.compile(r"[\s#>*+\-_=~`]*")
# Marks within words are none here: a title must not take the stars from `2**3` or the underlines from `__init__`.
_INLINE = re.compile(
    r"""
    (?<!`)(?P<ticks>`+)(?!`) (?P<code>.+?) (?<!`)(?P=ticks)(?!`)
    | !?\[ (?P<link>[^\[\]]*) \]\([^()\s]*\)
    | (?<![A-Za-z0-9_*]) (?P<stars>\*{1,3}) (?=[^\s*]) (?P<strong>.+?) (?<=[^\s*]) (?P=stars) (?![A-Za-z0-9_*])
    | ~~ (?=\S) (?P<gone>.+?) (?<=\S) ~~
    """,
    re.VERBOSE,
)


def title_from(text: str) -> str:
    """Return the first line that says something, as it reads without marks of Markdown, cut at a word."""
    line = next((said for said in map(_as_read, text.lstrip()[:_BEGINNING].splitlines()) if said), "")
    if len(line) <= _LENGTH:
        return line
    return line[:_LENGTH].rsplit(" ", 1)[0].rstrip(",;:.") + "…"


def _as_read(line: str) -> str:
    line = line[:_LINE]
    if _FENCE.fullmatch(line) or _SAYS_NOTHING.fullmatch(line):
        return ""
    return " ".join(_without_marks(line[_end_of_block_marks(line) :]).split())


def _end_of_block_marks(line: str) -> int:
    match = _BLOCK.match(line)
    return match.end() if match else 0


def _without_marks(text: str) -> str:
    return _INLINE.sub(_inside, text)


def _inside(match: re.Match[str]) -> str:
    if match["code"] is not None:
        return match["code"].strip()
    return _without_marks(match["link"] or match["strong"] or match["gone"] or "")
