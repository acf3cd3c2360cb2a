"""What is found of a store without changing it."""

from __future__ import annotations

import msgspec


class StoreState(msgspec.Struct, frozen=True):
    """Where a store is and how it is.

    ``version`` of its tables (0: there are none yet) and ``newest``, the one of this code. ``traps`` are sentences about what
    works until it does not. ``ahead_s``: by how many seconds its clock is ahead of ours, None where nobody knows.
    ``free_bytes`` of its disk, where it is ours. ``kind`` is what serves it, "" for a file; ``missing`` are indexes that
    should be there; ``took_s`` is how long a question took, in seconds.
    """

    place: str
    version: int
    newest: int
    traps: tuple[str, ...] = ()
    ahead_s: float | None = None
    free_bytes: int | None = None
    kind: str = ""
    missing: tuple[str, ...] = ()
    took_s: float | None = None
