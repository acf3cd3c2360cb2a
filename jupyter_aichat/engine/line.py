"""The line before one model, as this process sees it: its own runs' places, kept in agreement with the queue.

While the shared queue is away the process admits its share of the capacity by a queue of its own; what was admitted stays
admitted, and when the shared one is back (empty, perhaps) it is told all that this process has in line.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from jupyter_aichat.cache.base import Bounds, Queue, Standing, Ticket
from jupyter_aichat.domain.ids import InstanceId, RunId
from jupyter_aichat.engine.place import Place
from jupyter_aichat.errors import CacheUnavailable, QueueFull, TooManyRuns

_NEWEST_SHARE = 0.2
_UNKNOWN_WAIT_S = 5
_LONGEST_WAIT_S = 60

T = TypeVar("T")


class Line:
    """Places before one model.

    Parameters
    ----------
    shared, alone
        The queue of all processes, and this process's own for while the shared one is away.
    share
        Returns how many of a capacity this process may admit on its own.
    elsewhere
        Called with tickets of other processes that were admitted by something done here.
    """

    def __init__(
        self,
        name: str,
        bounds: Bounds,
        instance: InstanceId,
        *,
        shared: Queue,
        alone: Queue,
        share: Callable[[int], int],
        elsewhere: Callable[[str, Sequence[RunId]], None],
        log: logging.Logger,
    ) -> None:
        self.name, self._bounds, self._instance = name, bounds, instance
        self._shared, self._alone, self._share = shared, alone, share
        self._elsewhere, self._log = elsewhere, log
        self.places: dict[RunId, Place] = {}
        self.is_alone = False
        self._lock = asyncio.Lock()  # what this process asks of a queue is done in order
        self._leaving: set[asyncio.Task[None]] = set()
        self._held_s: float | None = None

    def resize(self, capacity: int) -> None:
        """Go by another capacity from now on, as servers come and go; those that were admitted stay so."""
        if capacity and capacity != self._bounds.capacity:
            self._bounds = msgspec.structs.replace(self._bounds, capacity=capacity)

    @property
    def idle(self) -> bool:
        """Whether nothing of this process is in the line."""
        return not self.places and not self._leaving and not self._lock.locked()

    @property
    def waiting(self) -> list[Place]:
        """The places that wait."""
        return [place for place in self.places.values() if place.waits]

    def wait(self, position: int) -> float | None:
        """Return how many seconds a position will wait, by how long runs here were admitted; None: no run ended yet."""
        return None if self._held_s is None else round(position * self._held_s / self._bounds.capacity, 1)

    async def reserve(self, ticket: Ticket, *, ahead: bool = False) -> Place:
        """Take a place; raises `TooManyRuns` or `QueueFull`, with seconds after which there may be room."""
        async with self._lock:
            reserved = await self._ask(
                lambda queue, bounds: queue.reserve(self.name, self._instance, ticket, bounds, ahead=ahead)
            )
            self._grant(reserved.granted)
            if reserved.refused is None:
                place = self.places[ticket.id] = Place(self, ticket, reserved.position)
                return place
        if reserved.refused == "owner":
            raise TooManyRuns(retry_after=self._retry_after())
        raise QueueFull(
            "Too many answers are waiting for this model; try again later.", retry_after=self._retry_after()
        )

    def _retry_after(self) -> int:
        wait = self.wait(1)
        return _UNKNOWN_WAIT_S if wait is None else min(max(math.ceil(wait), 1), _LONGEST_WAIT_S)

    def leave(self, place: Place, held_s: float | None) -> None:
        """Give a place back, behind whoever leaves it."""
        if self.places.get(place.ticket.id) is not place:
            return
        del self.places[place.ticket.id]
        if held_s is not None:
            old = self._held_s
            self._held_s = held_s if old is None else old + (held_s - old) * _NEWEST_SHARE
        task = asyncio.create_task(self._release(place.ticket.id), name=f"aichat-leave-{place.ticket.id}")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def hand_over(self, place: Place) -> None:
        """Forget a place that the run's next owner takes over; without one it is free after the lease."""
        if self.places.get(place.ticket.id) is place:
            del self.places[place.ticket.id]

    async def _release(self, run_id: RunId) -> None:
        async with self._lock:
            if run_id not in self.places:  # else it was taken again meanwhile
                self._grant(
                    await self._ask(
                        lambda queue, bounds: queue.release(self.name, self._instance, [run_id], bounds.capacity)
                    )
                )

    async def look(self) -> None:
        """Agree with the queue: renew the lease, learn where the waiting stand, find back to the shared queue."""
        async with self._lock:
            try:
                standing = await self._sync(self._shared, self._bounds.capacity)
            except CacheUnavailable:
                await self._go_alone()
                return
            if self.is_alone:
                self.is_alone = False
                await self._alone.sync(self.name, self._instance, (), (), self._bounds.capacity)
                self._log.info("The queue before %s is shared again", self.name)
            self._apply(standing)

    async def _ask(self, ask: Callable[[Queue, Bounds], Awaitable[T]]) -> T:
        if not self.is_alone:
            try:
                return await ask(self._shared, self._bounds)
            except CacheUnavailable:
                await self._go_alone()
        return await ask(self._alone, msgspec.structs.replace(self._bounds, capacity=self._own_capacity()))

    async def _go_alone(self) -> None:
        if not self.is_alone:
            self.is_alone = True
            self._log.warning(
                "The queue before %s is away; this process admits %d alone", self.name, self._own_capacity()
            )
        self._apply(await self._sync(self._alone, self._own_capacity()))

    def _own_capacity(self) -> int:
        return self._share(self._bounds.capacity)

    async def _sync(self, queue: Queue, capacity: int) -> Standing:
        admitted = [place.ticket for place in self.places.values() if not place.waits]
        waiting = [place.ticket for place in self.places.values() if place.waits]
        return await queue.sync(self.name, self._instance, admitted, waiting, capacity)

    def _apply(self, standing: Standing) -> None:
        for run_id in standing.admitted:
            self.admit(run_id)
        for run_id, position in standing.positions.items():
            if place := self.places.get(run_id):
                place.move(position)
        self._grant(standing.granted)

    def _grant(self, granted: Sequence[RunId]) -> None:
        for run_id in granted:
            self.admit(run_id)
        if foreign := [run_id for run_id in granted if run_id not in self.places]:
            self._elsewhere(self.name, foreign)

    def admit(self, run_id: RunId) -> None:
        """Let a run of this process in."""
        if place := self.places.get(run_id):
            place.move(0)

    async def left(self) -> None:
        """Wait until what was left is given back."""
        if self._leaving:
            await asyncio.wait(set(self._leaving))
