"""How often something may be tried, over any window, for all processes together."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_aichat.auth.limits import Limiter, network_of
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.cache.redis import RedisCache
from jupyter_aichat.domain.limit import Rate
from jupyter_aichat.errors import CacheUnavailable, NotReady, RateLimited
from jupyter_aichat.redis_connection import RedisConnection
from tests.redis_server import RedisServer

RATE = Rate(5, 60)


class Clock:
    def __init__(self, at: float = 1_000_000_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


class LostCache(LocalCache):
    """A cache that is away."""

    async def increment(self, key: str, ttl_s: float, by: int = 1) -> int:
        raise CacheUnavailable

    async def get(self, key: str) -> bytes | None:
        raise CacheUnavailable

    async def add(self, key: str, value: bytes, ttl_s: float) -> bool:
        raise CacheUnavailable


async def tries(limiter: Limiter, count: int, key: str = "k", rate: Rate = RATE) -> int:
    """How many of so many tries are allowed."""
    allowed = 0
    for _ in range(count):
        try:
            await limiter.take(key, rate)
        except RateLimited:
            continue
        allowed += 1
    return allowed


async def test_so_many_are_allowed_and_each_key_by_itself() -> None:
    limiter = Limiter(LocalCache(), None, Clock())
    assert await tries(limiter, 20) == 5
    assert await tries(limiter, 20, "other") == 5


@settings(deadline=None)
@given(st.floats(0, 60), st.floats(0, 90))
def test_who_waits_as_long_as_told_gets_a_turn(into: float, pause: float) -> None:
    async def wait() -> None:
        clock = Clock(1_000_000_000 // 60 * 60 + into)
        limiter = Limiter(LocalCache(), None, clock)
        await tries(limiter, 5)
        clock.at += pause
        await tries(limiter, 5)
        with pytest.raises(RateLimited) as refused:
            await tries_one(limiter)
        wait_s = refused.value.details["retry_after"]
        assert isinstance(wait_s, int)
        assert 1 <= wait_s <= 120
        clock.at += wait_s
        await tries_one(limiter)

    asyncio.run(wait())


async def tries_one(limiter: Limiter) -> None:
    await limiter.take("k", RATE)


@settings(deadline=None)
@given(st.lists(st.floats(0, 40), min_size=1, max_size=40))
def test_no_edge_lets_anybody_try_twice_as_often(pauses: list[float]) -> None:
    async def go() -> None:
        clock, allowed = Clock(), list[float]()
        limiter = Limiter(LocalCache(), None, clock)
        for pause in pauses:
            clock.at += pause
            allowed += [clock.at] * await tries(limiter, 3)
        for begin in allowed:
            assert sum(begin <= at < begin + 60 for at in allowed) < 2 * RATE.most

    asyncio.run(go())


async def test_a_burst_over_an_edge_is_no_two_bursts() -> None:
    clock = Clock(1_000_000_000 // 60 * 60 + 59.9)
    limiter = Limiter(LocalCache(), None, clock)
    assert await tries(limiter, 10) == 5
    clock.at += 0.2
    assert await tries(limiter, 10) == 0


async def test_what_was_refused_or_given_back_is_not_counted() -> None:
    limiter = Limiter(LocalCache(), None, Clock())
    for _ in range(20):
        await limiter.give_back(await limiter.take("k", RATE))
    assert await tries(limiter, 100) == 5
    taken = await limiter.take("other", RATE)
    await limiter.give_back(taken)
    assert await tries(limiter, 10, "other") == 5


async def test_of_many_at_once_no_more_are_allowed(redis: RedisServer, tmp_path: object) -> None:
    """By two processes, over Redis."""
    connections = [RedisConnection(url=redis.url, prefix=f"limits-{id(tmp_path)}:") for _ in range(2)]
    caches = [RedisCache(each) for each in connections]
    for cache in caches:
        await cache.open()
    limiters = [Limiter(cache, None) for cache in caches]
    rate = Rate(10, 3600)
    found = await asyncio.gather(*(limiters[n % 2].take("k", rate) for n in range(60)), return_exceptions=True)
    assert sum(not isinstance(each, RateLimited) for each in found) <= 10
    for cache in caches:
        await cache.close()


async def test_while_the_cache_is_away_each_process_counts_alone_or_nobody_tries() -> None:
    alone, closed = Limiter(LostCache(), LocalCache()), Limiter(LostCache(), None)
    assert await tries(alone, 20) == 5
    assert await alone.first("x", 60)
    assert not await alone.first("x", 60)
    with pytest.raises(NotReady):
        await closed.take("k", RATE)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"), ("", "unknown"), ("evil", "unknown"),
        ("192.0.2.7, 10.0.0.1", "unknown"), ("::1", "::/64"),
    ],
)  # fmt: skip
def test_what_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network
