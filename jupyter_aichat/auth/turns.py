"""One at a time for each name, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jupyter_aichat.errors import QueueFull


class Turns:
    """Locks by name, which are forgotten when nobody needs them.

    Parameters
    ----------
    most
        How many may wait for one name; more are `QueueFull`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Wait until nobody else has the name's turn."""
        lock, there = self._locks.get(name, (asyncio.Lock(), 0))
        if there > self._most:
            raise QueueFull("Too many people log in right now; try again in a moment.", retry_after=5)
        self._locks[name] = (lock, there + 1)
        try:
            async with lock:
                yield
        finally:
            _, there = self._locks.pop(name)
            if there > 1:
                self._locks[name] = (lock, there - 1)
