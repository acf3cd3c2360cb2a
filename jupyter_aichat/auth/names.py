"""Names of users and of groups: two that a person reads as one are one.

A name is unique by its folded form: compatible characters made the same (NFKC), case folded. Look-alikes of different
scripts stay different.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from contextlib import suppress

from jupyter_aichat.domain.account import MOST_GROUPS
from jupyter_aichat.domain.folding import MOST_TYPED, fold
from jupyter_aichat.errors import InvalidRequest

MOST_CHARACTERS = 64
_SIGNS = frozenset("._-@+ ")
_SIGNS_OF_GROUPS = frozenset("/:")
_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Letters, marks and signs that show nothing (Unicode's Default_Ignorable_Code_Point, and the empty Braille cell)."""


def check_name(name: str) -> str:
    """Return a new account's name as it will be shown; raises `InvalidRequest` with what is wrong."""
    shown = unicodedata.normalize("NFC", name.strip()) if len(name) <= MOST_TYPED else name
    folded = fold(shown)
    if not shown or not folded or len(shown) > MOST_CHARACTERS or len(folded) > MOST_CHARACTERS:
        raise InvalidRequest(f"A user name has 1 to {MOST_CHARACTERS} characters.")
    if not all(map(_may_stand, shown)) or not all(map(_may_stand, folded)):
        raise InvalidRequest("A user name has letters, digits, single spaces and . _ - @ + only.")
    if not (_begins(shown[0]) and _begins(folded[0])) or "  " in folded:
        raise InvalidRequest("A user name begins with a letter or digit and has single spaces only inside.")
    return shown


def check_group(name: str) -> str:
    """Return a group's name, folded; raises `InvalidRequest` with what is wrong. It has nothing that a pattern is made of."""
    folded = fold(name)
    if not 0 < len(folded) <= MOST_CHARACTERS or not _begins(folded[0]):
        raise InvalidRequest(
            f"A group's name has 1 to {MOST_CHARACTERS} characters, and begins with a letter or digit."
        )
    if not all(each in _SIGNS_OF_GROUPS or _may_stand(each) for each in folded):
        raise InvalidRequest("A group's name has letters, digits, spaces and . _ - @ + / : only.")
    return folded


def check_groups(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of groups, folded, each once, sorted; raises `InvalidRequest`."""
    groups = tuple(sorted({check_group(name) for name in names}))
    if len(groups) > MOST_GROUPS:
        raise InvalidRequest(f"An account is in {MOST_GROUPS} groups at most.")
    return groups


def usable_groups(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the groups of another place that can be groups here, as `check_groups` does."""
    found = set[str]()
    for name in names:
        with suppress(InvalidRequest):
            found.add(check_group(name))
    return tuple(sorted(found)[:MOST_GROUPS])


def check_display_name(name: str) -> str:
    """Return a name to show, of one line; raises `InvalidRequest`."""
    shown = " ".join(name.split()) if len(name) <= MOST_TYPED else ""
    if not any(map(_shows, shown)) or any(unicodedata.category(each)[0] == "C" and each != "\u200d" for each in shown):
        raise InvalidRequest(f"A name to show has 1 to {MOST_TYPED} characters, none of them invisible.")
    return shown


def _may_stand(character: str) -> bool:
    return character in _SIGNS or (unicodedata.category(character)[0] in "LMN" and character not in _UNSEEN)


def _shows(character: str) -> bool:
    return character not in _UNSEEN and unicodedata.category(character)[0] not in "CMZ"


def _begins(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"
