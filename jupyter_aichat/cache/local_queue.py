"""The lines of a single process, in memory.

A ticket waits for a round: its owner's next one that no other of his tickets waits for. Tickets are admitted by round,
within a round as they came, so that owners take turns and a position is an index.
"""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

from jupyter_aichat.cache.base import Bounds, Reserved, Standing, Ticket
from jupyter_aichat.domain.ids import InstanceId, OwnerId, RunId

LEASE_S = 8.0
MENDING_SHARE = 0.4
"""Of a lease: how long a line that lost its memory admits nobody. Longer than instances are silent."""
_AHEAD = -1


class _Place:
    __slots__ = ("admitted", "arrival", "instance", "round", "ticket")

    def __init__(self, ticket: Ticket, instance: InstanceId, round_: int, arrival: int) -> None:
        self.ticket, self.instance, self.round, self.arrival = ticket, instance, round_, arrival
        self.admitted = False

    @property
    def key(self) -> tuple[int, int, RunId]:
        return self.round, self.arrival, self.ticket.id


class _Line:
    """``round`` is that of the last one admitted, ``served`` the owners admitted in it."""

    def __init__(self) -> None:
        self.places: dict[RunId, _Place] = {}
        self.waiting: list[tuple[int, int, RunId]] = []
        self.owned: dict[OwnerId, list[_Place]] = {}
        self.leases: dict[InstanceId, float] = {}
        self.served: set[OwnerId] = set()
        self.round = self.arrivals = 0
        self.mending_until = 0.0

    def add(self, ticket: Ticket, instance: InstanceId, *, ahead: bool = False) -> _Place:
        round_ = _AHEAD if ahead else self._round_for(ticket.owner)
        self.arrivals += 1
        place = _Place(ticket, instance, round_, self.arrivals)
        self.places[ticket.id] = place
        self.owned.setdefault(ticket.owner, []).append(place)
        insort(self.waiting, place.key)
        return place

    def _round_for(self, owner: OwnerId) -> int:
        waits = [place.round for place in self.owned.get(owner, ()) if not place.admitted]
        return max(self.round + (owner in self.served), max(waits, default=_AHEAD) + 1)

    def hold(self, place: _Place) -> None:
        """Let a ticket be admitted out of turn: it was before."""
        self._leave(place)
        place.admitted = True

    def _admit(self, place: _Place) -> None:
        self.hold(place)
        if place.round > self.round:
            self.round = place.round
            self.served.clear()
        if place.round == self.round:
            self.served.add(place.ticket.owner)

    def _leave(self, place: _Place) -> None:
        del self.waiting[bisect_left(self.waiting, place.key)]

    def remove(self, place: _Place) -> None:
        owned = self.owned[place.ticket.owner]
        owned.remove(place)
        del self.places[place.ticket.id]
        if not owned:
            del self.owned[place.ticket.owner]
        if not place.admitted:
            self._leave(place)
            self._close_up(owned, place.round)

    def _close_up(self, owned: list[_Place], left: int) -> None:
        """Who leaves the line loses no turn: the owner's later tickets move up."""
        if left == _AHEAD:
            return
        for place in owned:
            if not place.admitted and place.round > left:
                self._leave(place)
                place.round -= 1
                insort(self.waiting, place.key)

    def drop_lapsed(self, now: float) -> None:
        lapsed = {instance for instance, until in self.leases.items() if until <= now}
        for instance in lapsed:
            del self.leases[instance]
        if lapsed:
            for place in [place for place in self.places.values() if place.instance in lapsed]:
                self.remove(place)

    def settle(self, capacity: int) -> tuple[RunId, ...]:
        """Admit who is next while there is room."""
        granted: list[RunId] = []
        if time.monotonic() < self.mending_until:
            return ()
        while self.waiting and len(self.places) - len(self.waiting) < capacity:
            place = self.places[self.waiting[0][2]]
            self._admit(place)
            granted.append(place.ticket.id)
        return tuple(granted)

    def position(self, place: _Place) -> int:
        return 0 if place.admitted else bisect_left(self.waiting, place.key) + 1


class LocalQueue:
    """Lines in memory; leases by the monotonic clock. One that no other instance uses need not wait for them to speak."""

    def __init__(self, lease_s: float = LEASE_S, mending_s: float | None = None) -> None:
        self._lease_s = lease_s
        self._mending_s = lease_s * MENDING_SHARE if mending_s is None else mending_s
        self._lines: dict[str, _Line] = {}
        self._present: dict[InstanceId, float] = {}

    async def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Forget everything."""
        self._lines.clear()
        self._present.clear()

    async def reserve(
        self, line: str, instance: InstanceId, ticket: Ticket, bounds: Bounds, *, ahead: bool = False
    ) -> Reserved:
        """See `Queue.reserve`."""
        lane = self._line(line, instance)
        place = lane.places.get(ticket.id)
        granted = lane.settle(bounds.capacity)
        if place is None:
            if not ahead and (refused := _refusal(lane, ticket.owner, bounds)):
                return Reserved(refused=refused, granted=granted)  # type: ignore[arg-type]
            place = lane.add(ticket, instance, ahead=ahead)
            granted += lane.settle(bounds.capacity)
        place.instance = instance
        return Reserved(lane.position(place), granted=tuple(run for run in granted if run != ticket.id))

    async def release(
        self, line: str, instance: InstanceId, tickets: Sequence[RunId], capacity: int
    ) -> tuple[RunId, ...]:
        """See `Queue.release`."""
        lane = self._line(line, instance)
        for run_id in tickets:
            place = lane.places.get(run_id)
            if place is not None and place.instance == instance:
                lane.remove(place)
        granted = lane.settle(capacity)
        self._forget_empty(line, lane)
        return granted

    async def sync(
        self, line: str, instance: InstanceId, admitted: Sequence[Ticket], waiting: Sequence[Ticket], capacity: int
    ) -> Standing:
        """See `Queue.sync`."""
        lane = self._line(line, instance)
        named = {ticket.id for ticket in (*admitted, *waiting)}
        for place in [place for place in lane.places.values() if place.instance == instance]:
            if place.ticket.id not in named:
                lane.remove(place)
        if any(run_id not in lane.places for run_id in named):
            lane.mending_until = time.monotonic() + self._mending_s
        for place in self._placed(lane, instance, admitted):
            if not place.admitted:
                lane.hold(place)
        own = list(self._placed(lane, instance, waiting))
        granted = lane.settle(capacity)
        standing = Standing(
            admitted=tuple(place.ticket.id for place in own if place.admitted),
            positions={place.ticket.id: lane.position(place) for place in own if not place.admitted},
            granted=granted,
        )
        self._forget_empty(line, lane)
        return standing

    @staticmethod
    def _placed(lane: _Line, instance: InstanceId, tickets: Sequence[Ticket]) -> Iterable[_Place]:
        """The tickets' places, made where they are missing; one that another instance took over is not ours any more."""
        for ticket in tickets:
            place = lane.places.get(ticket.id) or lane.add(ticket, instance)
            if place.instance == instance:
                yield place

    async def present(self, instance: InstanceId) -> int:
        """See `Queue.present`."""
        now = time.monotonic()
        self._present[instance] = now + self._lease_s
        self._present = {other: until for other, until in self._present.items() if until > now}
        return len(self._present)

    def _line(self, name: str, instance: InstanceId) -> _Line:
        now = time.monotonic()
        line = self._lines.setdefault(name, _Line())
        line.leases[instance] = now + self._lease_s
        line.drop_lapsed(now)
        return line

    def _forget_empty(self, name: str, line: _Line) -> None:
        if not line.places:
            self._lines.pop(name, None)


def _refusal(line: _Line, owner: OwnerId, bounds: Bounds) -> str | None:
    if len(line.owned.get(owner, ())) >= bounds.per_owner:
        return "owner"
    return "all" if len(line.waiting) >= bounds.waiting and len(line.places) >= bounds.capacity else None
