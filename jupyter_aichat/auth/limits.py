"""How often something may be tried: counted over a sliding window, for all processes together.

Two counters, of this window and of the one before, which counts less the longer it is over: at no edge can somebody try
twice as often. A try that was refused is not counted, so that whoever waits for as long as he is told gets his turn. Unlike a
request (`limits.requests`, one exact question to the cache for each), a try that turned out right is given back.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.domain.limit import Rate
from jupyter_aichat.errors import CacheUnavailable, NotReady, RateLimited

Result = TypeVar("Result")

_IPV6_PREFIX = 64


class Taken(msgspec.Struct, frozen=True):
    """A try that was counted, to give back."""

    key: str
    rate: Rate


class Limiter:
    """Counts tries.

    Parameters
    ----------
    alone
        Counts in this process while the cache is away; None refuses what cannot be counted.
    clock
        The wall clock in seconds, which all processes share.
    """

    def __init__(self, cache: Cache, alone: Cache | None, clock: Callable[[], float] = time.time) -> None:
        self._cache, self._alone, self._clock = cache, alone, clock

    async def take(self, key: str, rate: Rate) -> Taken:
        """Count a try, or raise `RateLimited` with the seconds after which one is free."""
        window, into = divmod(self._clock(), rate.window_s)
        this, last = f"{key}:{int(window)}", f"{key}:{int(window) - 1}"
        taken = Taken(this, rate)
        count = await self._ask(lambda cache: cache.increment(this, 2 * rate.window_s))
        before = int(await self._ask(lambda cache: cache.get(last)) or 0)
        if before * (1 - into / rate.window_s) + count <= rate.most:
            return taken
        await self.give_back(taken)
        wait_s = _wait_s(before, count, into, rate)
        raise RateLimited("Too many tries; wait a while, then try again.", retry_after=max(math.ceil(wait_s), 1))

    async def give_back(self, taken: Taken) -> None:
        """Count a try no more."""
        await self._ask(lambda cache: cache.increment(taken.key, 2 * taken.rate.window_s, by=-1))

    async def first(self, key: str, for_s: float) -> bool:
        """Whether this is the first time in so many seconds."""
        return await self._ask(lambda cache: cache.add(key, b"1", for_s))

    async def _ask(self, question: Callable[[Cache], Awaitable[Result]]) -> Result:
        try:
            return await question(self._cache)
        except CacheUnavailable:
            if self._alone is None:
                raise NotReady("Tries cannot be counted right now; try again in a moment.") from None
        return await question(self._alone)


def _wait_s(before: int, count: int, into: float, rate: Rate) -> float:
    """Seconds until one more fits, if nobody else tries; `count` includes the one that was refused."""
    if count <= rate.most:
        return (1 - (rate.most - count) / before) * rate.window_s - into
    share = (rate.most - 1) / (count - 1)
    return rate.window_s - into + (1 - share) * rate.window_s


def network_of(address: str) -> str:
    """Return what counts as one address: of IPv6 the network of 64 bits, since one person has all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), _IPV6_PREFIX), strict=False))
    return str(parsed)
