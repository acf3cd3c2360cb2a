"""The port of all records of a store, for carrying them elsewhere. One contract suite (``tests/contract``) holds for all.

It knows no owners: it is for an operator, who moves or keeps a store as a whole. Methods raise `StoreUnavailable` when the
database is away, and only errors of `jupyter_aichat.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from jupyter_aichat.domain.record import Kind, Record

STOP_FIRST = "This database cannot be read as of one moment while a service writes into it: stop the service first."


HALF_COPIED = "What was copied into this database is not whole: run the same `jupyter aichat restore` or `migrate` again, or take an empty one."


class CopyNote(msgspec.Struct, frozen=True):
    """Which copy is being made in a store, by the name of where it comes from, and whether it is whole."""

    of: str
    done: bool


class Reading(Protocol):
    """A store as it is at one moment."""

    def records(self, kind: Kind) -> AsyncIterator[Record]:
        """Yield all records of a kind, a few in memory at once; the audit in its order."""
        ...


class RecordStore(Protocol):
    """All records of a store."""

    def reading(self) -> AbstractAsyncContextManager[Reading]:
        """Read the store as it is at one moment, while others may write on."""
        ...

    async def in_use(self) -> bool:
        """Whether a process that answers chats has the store open."""
        ...

    async def is_empty(self) -> bool:
        """Whether there is no record of any kind."""
        ...

    async def begin(self, kind: Kind) -> None:
        """Make ready to write all records of a kind, from the first one on, whatever came of an earlier try."""

    async def write(self, kind: Kind, records: Sequence[Record]) -> None:
        """Write records of a kind, in their order."""

    async def copy_note(self) -> CopyNote | None:
        """Return what was noted about a copy."""
        ...

    async def note_copy(self, note: CopyNote) -> None:
        """Note which copy this is; it takes the place of what was noted before."""
