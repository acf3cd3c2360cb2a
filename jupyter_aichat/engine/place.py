"""A run's place in the line before a model."""

from __future__ import annotations

import asyncio
from typing import Protocol

from jupyter_aichat.cache.base import Ticket
from jupyter_aichat.domain.event import QueuePosition
from jupyter_aichat.engine.live import LiveRun


class LineBefore(Protocol):
    """What a place asks of its line."""

    def wait(self, position: int) -> float | None:
        """Return how many seconds a position will wait, if that is known."""
        ...

    def leave(self, place: Place, held_s: float | None) -> None:
        """Give a place back; `held_s`: for how long it was admitted."""

    def hand_over(self, place: Place) -> None:
        """Forget a place that another process takes over."""


class Place:
    """What a run holds of a line from before its commit until its upstream is closed; ``position`` 1 is next."""

    def __init__(self, line: LineBefore, ticket: Ticket, position: int) -> None:
        self.ticket, self.position = ticket, position
        self.live: LiveRun | None = None
        self.asked = False
        """Whether the other processes were asked who reads the run."""
        self._line = line
        self._moved = asyncio.Event()
        self._admitted_at = None if position else asyncio.get_running_loop().time()

    @property
    def waits(self) -> bool:
        """Whether the run is not admitted yet."""
        return self.position > 0

    async def entered(self, live: LiveRun) -> None:
        """Wait until the run is admitted, and tell its readers where it stands meanwhile."""
        told = 0
        self.live = live
        while self.position:
            live.state = "queued"
            if self.position != told:
                told = self.position
                live.tell(QueuePosition(told, self._line.wait(told)))
            await self._moved.wait()
            self._moved.clear()
        live.state = "loading"

    def leave(self) -> None:
        """Give the place back, admitted or not; may be called twice."""
        held_s = None if self._admitted_at is None else asyncio.get_running_loop().time() - self._admitted_at
        self._line.leave(self, held_s)

    def hand_over(self) -> None:
        """Leave the place to the process that goes on with the run."""
        self._line.hand_over(self)

    def move(self, position: int) -> None:
        """Stand elsewhere now."""
        if position != self.position and self.position:
            self.position = position
            if not position:
                self._admitted_at = asyncio.get_running_loop().time()
            self._moved.set()
