"""Names that a person reads as one are one: compatible characters made the same (NFKC), case folded."""

from __future__ import annotations

import unicodedata

MOST_TYPED = 256
"""What folds to 64 characters may be longer, but not by much."""


def fold(name: str) -> str:
    """Return what is unique of a name, whatever it is; folding once more changes nothing."""
    folded = name[:MOST_TYPED]
    while (again := unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold()).strip()) != folded:
        folded = again
    return folded
