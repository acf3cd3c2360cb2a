"""The cache of many processes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from jupyter_aichat.cache.base import Count, Tally
from jupyter_aichat.cache.redis_counts_lua import HOLD, TAKE
from jupyter_aichat.domain.limit import Rate
from jupyter_aichat.errors import CacheUnavailable
from jupyter_aichat.redis_connection import RedisConnection

_INCREMENT = """
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return count
"""

_GATHER = """
redis.call('SADD', KEYS[1], ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""


class RedisCache:
    """Values in Redis, which forgets them by its own clock."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    async def open(self) -> None:
        """Begin to connect; a Redis that is away is no failure."""
        await self._connection.open()

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()

    @property
    def connection(self) -> RedisConnection:
        """The way to Redis, which bus and queue share."""
        return self._connection

    async def ping(self) -> None:
        """See `Cache.ping`."""
        await self._connection.probe(CacheUnavailable, "cache")

    async def get(self, key: str) -> bytes | None:
        """See `Cache.get`."""
        value: bytes | None = await self._ask("GET", self._key(key))
        return value

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `Cache.put`."""
        await self._ask("SET", self._key(key), value, "PX", _ms(ttl_s))

    async def add(self, key: str, value: bytes, ttl_s: float) -> bool:
        """See `Cache.add`."""
        return bool(await self._ask("SET", self._key(key), value, "NX", "PX", _ms(ttl_s)))

    async def delete(self, key: str) -> bool:
        """See `Cache.delete`."""
        return bool(await self._ask("DEL", self._key(key)))

    async def increment(self, key: str, ttl_s: float, by: int = 1) -> int:
        """See `Cache.increment`."""
        return int(await self._ask("EVAL", _INCREMENT, 1, self._key(key), by, _ms(ttl_s)))

    async def gather(self, key: str, member: bytes, ttl_s: float) -> None:
        """See `Cache.gather`."""
        await self._ask("EVAL", _GATHER, 1, self._key(key), member, _ms(ttl_s))

    async def members(self, key: str) -> frozenset[bytes]:
        """See `Cache.members`."""
        return frozenset(await self._ask("SMEMBERS", self._key(key)))

    async def take(self, key: str, rates: Mapping[str, Rate]) -> Tally:
        """See `Cache.take`."""
        wanted = chain.from_iterable((name, rate.most, _ms(rate.window_s)) for name, rate in rates.items())
        taken, *counts = await self._ask("EVAL", TAKE, 1, self._key(key), *wanted)
        return Tally(bool(taken), {name: Count(now, ms / 1000) for name, (now, ms) in zip(rates, counts, strict=True)})

    async def hold(self, key: str, holder: str, amounts: Mapping[str, int], ttl_s: float) -> Mapping[str, int]:
        """See `Cache.hold`."""
        flat = chain.from_iterable(amounts.items())
        sums = await self._ask("EVAL", HOLD, 1, self._key(key), holder, _ms(ttl_s), *flat)
        return {name.decode(): int(amount) for name, amount in zip(sums[::2], sums[1::2], strict=True)}

    async def let_go(self, key: str, holder: str) -> None:
        """See `Cache.let_go`."""
        await self._ask("HDEL", self._key(key), f"h:{holder}")

    def _key(self, key: str) -> str:
        return self._connection.key("cache", key)

    async def _ask(self, *command: Any) -> Any:
        return await self._connection.ask(CacheUnavailable, lambda client: client.execute_command(*command))


def _ms(ttl_s: float) -> int:
    return max(int(ttl_s * 1000), 1)
