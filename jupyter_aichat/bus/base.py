"""The port between processes: the log of each run, and signals.

The log lets a reader in another process (or one who comes just after the end) have the exact events of a run. It
is bounded and short-lived: what it no longer holds is answered by a snapshot from the store. Signals are
at-most-once; whoever depends on one also asks the store. Methods raise `BusUnavailable`, and nothing else, when the
medium is away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from jupyter_aichat.domain.ids import RunId

KEPT_TRIMMED = 256
"""How many entries before the place that it is trimmed to a log keeps, for readers who come back."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One event of a run: its ``seq`` and its JSON.

    ``begins`` marks what a reader can begin with wherever it was before: the first event of an epoch, or a snapshot.
    """

    run_id: RunId
    seq: int
    data: bytes
    begins: bool = False


class Appended(msgspec.Struct, frozen=True):
    """What an append did not write.

    ``refused``: the log is further, another owner with a higher epoch has written. ``missing``: the log is gone (Redis
    was emptied) or never began; nothing of the run was written, and its next entry must be one that begins.
    """

    refused: frozenset[RunId] = frozenset()
    missing: frozenset[RunId] = frozenset()


Handler = Callable[[bytes], None]
EntryHandler = Callable[[tuple[Entry, ...]], None]
Unsubscribe = Callable[[], None]


def is_whole(entries: Iterable[Entry], after: int) -> bool:
    """Whether nothing is missing: each entry follows the one before it, or is one that a reader can begin with."""
    before = after
    for entry in entries:
        if entry.seq != before + 1 and not entry.begins:
            return False
        before = entry.seq
    return True


class Bus(Protocol):
    """Logs of runs, and signals between processes."""

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Let go of everything."""

    async def ping(self) -> None:
        """Return if the bus works, else raise `BusUnavailable`."""

    @property
    def silence_s(self) -> float:
        """How long a followed run may be silent before the store should be asked.

        Short where the entries of other processes do not arrive at present, or never.
        """
        ...

    @property
    def tick_s(self) -> float:
        """How long entries may be gathered before they are appended: longer where nobody waits for them."""
        ...

    async def append(self, entries: Sequence[Entry]) -> Appended:
        """Append to the logs of many runs in one go; within a run ``seq`` must increase.

        After `BusUnavailable` nobody knows what was written: the next entry of these runs must be one that begins.
        """
        ...

    async def read(self, run_id: RunId, after: int, limit: int) -> tuple[Entry, ...] | None:
        """Return up to `limit` entries later than `after`, or None where the log does not reach back to it or has a hole.

        A reader who has seen nothing asks with 0.
        """
        ...

    def follow(self, run_id: RunId, after: int, handler: EntryHandler) -> Unsubscribe:
        """Call `handler` on the loop with the entries later than `after`: those in the log, then new ones as they come.

        Each comes once and in order; whether the first one follows `after` tells `is_whole`. The handler must return at
        once and not raise. While the medium is away nothing comes; then the rest does.
        """
        ...

    async def trim(self, upto: Mapping[RunId, int]) -> None:
        """Let go of entries up to these places, which are safe in the store.

        The newest `KEPT_TRIMMED` of the same epoch stay all the same; older epochs go.
        """

    async def expire(self, run_id: RunId) -> None:
        """Forget the whole log a while after the run's end."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Signal to the subscribers of a topic in every process, this one included."""

    def subscribe(self, topic: str, handler: Handler) -> Unsubscribe:
        """Call `handler` on the loop for each signal; it must return at once and not raise."""
        ...
