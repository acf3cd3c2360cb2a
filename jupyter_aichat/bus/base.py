"""The port between processes: the log of each run, and signals.

The log lets a reader in another process (or one who comes just after the end) have the exact events of a run. It
is bounded and short-lived: what it no longer holds is answered by a snapshot from the store. Signals are
at-most-once; whoever depends on one also asks the store. Methods raise `BusUnavailable`, and nothing else, when the
medium is away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from jupyter_aichat.domain.ids import RunId


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One event of a run: its ``seq`` and its JSON."""

    run_id: RunId
    seq: int
    data: bytes


Handler = Callable[[bytes], None]
Unsubscribe = Callable[[], None]


class Bus(Protocol):
    """Logs of runs, and signals between processes."""

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Let go of everything."""

    async def ping(self) -> None:
        """Return if the bus works, else raise `BusUnavailable`."""

    async def append(self, entries: Sequence[Entry]) -> frozenset[RunId]:
        """Append to the logs of many runs in one go.

        Within a run ``seq`` must increase; return the runs whose entry was refused because the log is further:
        another owner, with a higher epoch, has written.
        """
        ...

    async def read(self, run_id: RunId, after: int, limit: int) -> tuple[Entry, ...] | None:
        """Return up to `limit` entries later than `after`, or None where the log does not reach back to it.

        A reader who has seen nothing asks with 0, and needs the very first event to be there still.
        """
        ...

    async def trim(self, run_id: RunId, upto: int) -> None:
        """Forget entries up to and with `upto`: they are safe in the store."""

    async def expire(self, run_id: RunId) -> None:
        """Forget the whole log a while after the run's end."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Signal to the subscribers of a topic in every process, this one included."""

    def subscribe(self, topic: str, handler: Handler) -> Unsubscribe:
        """Call `handler` on the loop for each signal; it must return at once and not raise."""
        ...
