"""Files that people send: how large they may be, and how many at once, since each is held in memory."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_aichat.errors import QueueFull

MOST_AT_ONCE = 8
TIMEOUT_S = 180.0
"""Seconds until a file must be there."""


class Uploads:
    """The files that this process takes right now: one of each person, and so many in all.

    Parameters
    ----------
    most_bytes
        How large a file may be.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._whose: set[str] = set()

    def begin(self, whose: str) -> Callable[[], None]:
        """Take the place of one file, until the result is called; raises `QueueFull`."""
        if whose in self._whose or len(self._whose) >= MOST_AT_ONCE:
            raise QueueFull("Another file is being imported; try again in a moment.", retry_after=5)
        self._whose.add(whose)
        return lambda: self._whose.discard(whose)
