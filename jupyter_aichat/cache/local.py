"""The cache of a single process: bounded, the oldest values go first."""

from __future__ import annotations

import time
from collections import OrderedDict

KEPT = 10_000


class LocalCache:
    """Values in memory; times by the monotonic clock."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Forget everything."""
        self._values.clear()

    async def ping(self) -> None:
        """Memory is always there."""

    async def get(self, key: str) -> bytes | None:
        """See `Cache.get`."""
        found = self._values.get(key)
        if found is None:
            return None
        until, value = found
        if time.monotonic() >= until:
            del self._values[key]
            return None
        return value

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `Cache.put`."""
        self._values[key] = (time.monotonic() + ttl_s, value)
        self._values.move_to_end(key)
        while len(self._values) > self._kept:
            self._values.popitem(last=False)

    async def add(self, key: str, value: bytes, ttl_s: float) -> bool:
        """See `Cache.add`."""
        if await self.get(key) is not None:
            return False
        await self.put(key, value, ttl_s)
        return True

    async def delete(self, key: str) -> bool:
        """See `Cache.delete`."""
        there = await self.get(key) is not None
        self._values.pop(key, None)
        return there

    async def increment(self, key: str, ttl_s: float, by: int = 1) -> int:
        """See `Cache.increment`."""
        kept = await self.get(key)
        if kept is None:
            await self.put(key, str(by).encode(), ttl_s)
            return by
        until, _ = self._values[key]
        count = int(kept) + by
        self._values[key] = (until, str(count).encode())
        return count
