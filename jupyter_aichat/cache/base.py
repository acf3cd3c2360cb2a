"""The ports of short-lived values and of the line before a model; losing them costs time, never data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from jupyter_aichat.domain.ids import InstanceId, OwnerId, RunId
from jupyter_aichat.domain.limit import Rate


class Count(msgspec.Struct, frozen=True):
    """How many are in a window now, and the seconds until there is more room than now (where it is full: any)."""

    now: int
    eases_s: float


class Tally(msgspec.Struct, frozen=True):
    """What came of counting: ``taken`` where all had room, else nothing was counted; and where each count stands."""

    taken: bool
    counts: Mapping[str, Count]


class Cache(Protocol):
    """Values and counters with a time to live in seconds; every operation is atomic.

    Methods raise `CacheUnavailable`, and nothing else, when the medium is away.
    """

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Let go of everything."""

    async def ping(self) -> None:
        """Return if the cache works, else raise `CacheUnavailable`."""

    async def get(self, key: str) -> bytes | None:
        """Return a value that has not expired."""
        ...

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Write a value."""

    async def add(self, key: str, value: bytes, ttl_s: float) -> bool:
        """Write a value only where there is none; tell whether it was written."""
        ...

    async def delete(self, key: str) -> bool:
        """Forget a value; tell whether there was one."""
        ...

    async def increment(self, key: str, ttl_s: float, by: int = 1) -> int:
        """Raise a counter and return it; the time to live runs from its first step."""
        ...

    async def gather(self, key: str, member: bytes, ttl_s: float) -> None:
        """Add to a set; its time to live begins anew."""

    async def members(self, key: str) -> frozenset[bytes]:
        """Return a set; `delete` forgets it."""
        ...

    async def take(self, key: str, rates: Mapping[str, Rate]) -> Tally:
        """Count one more in each of these counts of a key, where all have room, else in none.

        In no stretch of ``window_s`` seconds, wherever it begins, are there more than ``most``. A window is kept in tenths,
        so what was counted leaves it up to a tenth late.
        """
        ...

    async def hold(self, key: str, holder: str, amounts: Mapping[str, int], ttl_s: float) -> Mapping[str, int]:
        """Keep amounts for a holder until it lets go, or for a time; return what those before it hold, summed by name.

        A holder has its turn from its first hold on. Holding again changes the amounts and begins the time anew.
        """
        ...

    async def let_go(self, key: str, holder: str) -> None:
        """Forget what a holder holds."""


class Ticket(msgspec.Struct, frozen=True):
    """What stands in a line: a run, and whose it is."""

    id: RunId
    owner: OwnerId


class Bounds(msgspec.Struct, frozen=True):
    """How many runs are admitted at once, how many one owner may have here (admitted or not), and how many may wait."""

    capacity: int
    per_owner: int
    waiting: int


class Reserved(msgspec.Struct, frozen=True):
    """What came of a reservation: ``position`` 0 is admitted, 1 is next; or what refused it, and nothing is kept.

    ``granted`` are the tickets, also of other instances, that were admitted by the way.
    """

    position: int = 0
    refused: Literal["owner", "all"] | None = None
    granted: tuple[RunId, ...] = ()


class Standing(msgspec.Struct, frozen=True):
    """Where an instance's waiting tickets stand: admitted meanwhile, or at a position (1 is next)."""

    admitted: tuple[RunId, ...] = ()
    positions: Mapping[RunId, int] = {}
    granted: tuple[RunId, ...] = ()


class Queue(Protocol):
    """The lines before models, over all processes; every operation is atomic and admits whoever is next.

    Owners take turns, whatever their number of tickets: while one waits, any other is admitted at most twice. What an
    instance has in a line is kept for a lease, which each of its operations there renews; afterwards it is free.
    Methods raise `CacheUnavailable`, and nothing else, when the medium is away.
    """

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Let go of everything."""

    async def reserve(
        self, line: str, instance: InstanceId, ticket: Ticket, bounds: Bounds, *, ahead: bool = False
    ) -> Reserved:
        """Take a place. One that is there already is taken over as it stands.

        ``ahead`` is never refused, and next in line: for a run that was admitted before its instance died.
        """
        ...

    async def release(
        self, line: str, instance: InstanceId, tickets: Sequence[RunId], capacity: int
    ) -> tuple[RunId, ...]:
        """Give the instance's places back, admitted or not; return who was admitted in their stead."""
        ...

    async def sync(
        self, line: str, instance: InstanceId, admitted: Sequence[Ticket], waiting: Sequence[Ticket], capacity: int
    ) -> Standing:
        """Make the line agree with all that the instance has in it, and return where its waiting ones stand.

        What the instance does not name is given back. What the line does not know of it has forgotten: it takes it up
        again, and admits nobody for a part of the lease, in which the other instances can tell what they have.
        """
        ...

    async def present(self, instance: InstanceId) -> int:
        """Say that the instance lives, for a lease; return how many do."""
        ...
