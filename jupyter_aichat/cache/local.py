"""The cache of a single process: bounded, the oldest values go first."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping

from jupyter_aichat.cache.base import Tally
from jupyter_aichat.cache.local_counts import Holds, Windows
from jupyter_aichat.domain.limit import Rate

KEPT = 10_000
KEPT_BYTES = 64 * 1024 * 1024


class LocalCache:
    """Values in memory, at most so many and so many bytes; times by the monotonic clock."""

    def __init__(self, kept: int = KEPT, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept, self._kept_bytes = kept, kept_bytes
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._size = 0
        self._sets: OrderedDict[str, tuple[float, frozenset[bytes]]] = OrderedDict()
        self._windows, self._holds = Windows(kept), Holds(kept)

    async def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._sets.clear()
        self._windows.clear()
        self._holds.clear()
        self._size = 0

    async def ping(self) -> None:
        """Memory is always there."""

    async def get(self, key: str) -> bytes | None:
        """See `Cache.get`."""
        found = self._values.get(key)
        if found is None:
            return None
        until, value = found
        if time.monotonic() >= until:
            self._drop(key)
            return None
        return value

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `Cache.put`."""
        self._drop(key)
        self._values[key] = (time.monotonic() + ttl_s, value)
        self._size += len(value)
        while len(self._values) > self._kept or (self._size > self._kept_bytes and len(self._values) > 1):
            self._drop(next(iter(self._values)))

    def _drop(self, key: str) -> None:
        if found := self._values.pop(key, None):
            self._size -= len(found[1])

    async def add(self, key: str, value: bytes, ttl_s: float) -> bool:
        """See `Cache.add`."""
        if await self.get(key) is not None:
            return False
        await self.put(key, value, ttl_s)
        return True

    async def delete(self, key: str) -> bool:
        """See `Cache.delete`."""
        there = await self.get(key) is not None or bool(await self.members(key))
        self._drop(key)
        self._sets.pop(key, None)
        return there

    async def increment(self, key: str, ttl_s: float, by: int = 1) -> int:
        """See `Cache.increment`."""
        kept = await self.get(key)
        if kept is None:
            await self.put(key, str(by).encode(), ttl_s)
            return by
        until, _ = self._values[key]
        count = int(kept) + by
        await self.put(key, str(count).encode(), until - time.monotonic())
        return count

    async def gather(self, key: str, member: bytes, ttl_s: float) -> None:
        """See `Cache.gather`."""
        members = await self.members(key)
        self._sets.pop(key, None)
        self._sets[key] = (time.monotonic() + ttl_s, members | {member})
        while len(self._sets) > self._kept:
            self._sets.popitem(last=False)

    async def members(self, key: str) -> frozenset[bytes]:
        """See `Cache.members`."""
        until, members = self._sets.get(key, (0.0, frozenset[bytes]()))
        return members if time.monotonic() < until else frozenset()

    async def take(self, key: str, rates: Mapping[str, Rate]) -> Tally:
        """See `Cache.take`."""
        return self._windows.take(key, rates)

    async def hold(self, key: str, holder: str, amounts: Mapping[str, int], ttl_s: float) -> Mapping[str, int]:
        """See `Cache.hold`."""
        return self._holds.hold(key, holder, amounts, ttl_s)

    async def let_go(self, key: str, holder: str) -> None:
        """See `Cache.let_go`."""
        self._holds.let_go(key, holder)
