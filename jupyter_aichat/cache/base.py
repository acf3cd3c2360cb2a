"""The port of short-lived values and counters; losing them costs time, never data."""

from __future__ import annotations

from typing import Protocol


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
