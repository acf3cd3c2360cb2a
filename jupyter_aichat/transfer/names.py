"""Names for files that a chat's title becomes: safe on every system, and in the header that tells them to a browser."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

_LONGEST = 80
_NONE = "chat"
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\Z", re.IGNORECASE)


def file_name(title: str, suffix: str) -> str:
    """Return a name of letters, digits, dots, dashes and underscores of any script, with its suffix (".md").

    No path, no hidden file, none of the names that Windows keeps for devices.
    """
    letters = (each if _is_safe(each) else " " for each in unicodedata.normalize("NFKC", title))
    words = [word for word in "".join(letters).split() if word.strip("-._")]
    stem = "-".join(words)[:_LONGEST].strip("-._")
    if not stem or _RESERVED.match(stem.partition(".")[0]):
        stem = f"{_NONE}-{stem}" if stem else _NONE
    return stem + suffix


def disposition(name: str) -> str:
    """Return the value of ``Content-Disposition`` for a file to be saved under this name (RFC 6266)."""
    plain = "".join(each if each.isascii() else "_" for each in name)
    told = f'attachment; filename="{plain}"'
    return told if name.isascii() else f"{told}; filename*=UTF-8''{quote(name, safe='')}"


def _is_safe(letter: str) -> bool:
    return letter in "-_." or unicodedata.category(letter)[0] in "LMN"
