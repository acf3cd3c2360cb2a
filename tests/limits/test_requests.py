"""How many requests are let in, what is told of it, and how many connections may be open."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping

import pytest

from jupyter_aichat.cache.base import Tally
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.cache.redis import RedisCache
from jupyter_aichat.domain.limit import Rate
from jupyter_aichat.errors import CacheUnavailable, NotReady, RateLimited
from jupyter_aichat.limits import requests
from jupyter_aichat.limits.requests import RequestLimits, too_many
from jupyter_aichat.redis_connection import RedisConnection
from tests.redis_server import RedisServer

ADA, EVE = "owner:ada", "owner:eve"


class CountedCache(LocalCache):
    """Counts how often it is asked; can be away."""

    away = False
    asked = 0

    async def take(self, key: str, rates: Mapping[str, Rate]) -> Tally:
        self.asked += 1
        if self.away:
            raise CacheUnavailable
        return await super().take(key, rates)


def make(cache: LocalCache | RedisCache | None = None, **traits: object) -> RequestLimits:
    return RequestLimits(cache or LocalCache(), LocalCache(), **{"per_minute": 5, "sends_per_minute": 2, **traits})


async def test_so_many_are_let_in_and_each_is_told_what_is_left() -> None:
    limits = make()
    answers = [await limits.take("ada", "default") for _ in range(7)]
    assert [answer.yes for answer in answers] == [True] * 5 + [False] * 2
    assert [answer.allowances[0].left for answer in answers] == [4, 3, 2, 1, 0, 0, 0]
    assert all(60 <= answer.allowances[0].eases_s <= 66 for answer in answers)
    assert 60 <= answers[-1].wait_s <= 66
    assert (await limits.take("eve", "default")).yes


async def test_sends_are_counted_apart_and_count_as_requests_too() -> None:
    limits = make()
    assert [(await limits.take("ada", "default", "sends")).yes for _ in range(3)] == [True, True, False]
    assert [(await limits.take("ada", "default")).yes for _ in range(4)] == [True, True, True, False]
    assert (await limits.take("ada", "stops")).yes


async def test_each_request_is_one_question_and_who_is_refused_none() -> None:
    cache = CountedCache()
    limits = make(cache)
    for _ in range(20):
        await limits.take("ada", "default", "sends")
    assert cache.asked == 3
    assert (await limits.take("ada", "default")).yes
    assert cache.asked == 4


async def test_who_has_waited_is_let_in_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "WINDOW_S", 0.3)
    limits = make()
    while (answer := await limits.take("ada", "default")).yes:
        pass
    assert answer.wait_s == 1
    async with asyncio.timeout(5):
        while not (await limits.take("ada", "default")).yes:
            await asyncio.sleep(0.02)


async def test_nothing_is_counted_where_there_is_no_bound() -> None:
    cache = CountedCache()
    answer = await make(cache, per_minute=0, sends_per_minute=0).take("ada", "default", "sends")
    assert (answer.yes, answer.allowances, cache.asked) == (True, (), 0)


async def test_while_the_cache_is_away_each_process_counts_alone_or_nobody_is_let_in() -> None:
    cache = CountedCache()
    cache.away = True
    alone, strict = make(cache), make(cache, counts_alone=False)
    assert [(await alone.take("ada", "default")).yes for _ in range(6)] == [True] * 5 + [False]
    with pytest.raises(NotReady):
        await strict.take("ada", "default")


async def test_processes_count_together(redis: RedisServer) -> None:
    prefix = f"{uuid.uuid4().hex}:"
    caches = [RedisCache(RedisConnection(url=redis.url, prefix=prefix)) for _ in range(2)]
    for cache in caches:
        await cache.open()
    one, two = (make(cache) for cache in caches)
    answers = await asyncio.gather(*((one, two)[n % 2].take("ada", "default") for n in range(40)))
    assert sum(answer.yes for answer in answers) == 5
    for cache in caches:
        await cache.close()


async def test_frames_are_counted_here_and_sends_everywhere() -> None:
    shared = CountedCache()
    one, two = make(shared), make(shared)
    for _ in range(5):
        await one.frame("ada", "default")
    assert shared.asked == 0
    with pytest.raises(RateLimited) as refused:
        await one.frame("ada", "default")
    assert 60 <= int(str(refused.value.details["retry_after"])) <= 66
    await one.frame("ada", "stops")
    await two.frame("ada", "sends")
    await two.frame("ada", "sends")
    with pytest.raises(RateLimited, match="answers"):
        await two.frame("ada", "sends")
    assert not (await one.take("ada", "sends")).yes


async def test_what_is_told() -> None:
    limits = make()
    for _ in range(2):
        await limits.take("ada", "sends")
    error = too_many(await limits.take("ada", "default", "sends"))
    assert "answers" in error.message
    assert 60 <= int(str(error.details["retry_after"])) <= 66


def test_connections_are_bounded_for_each_user_and_in_all() -> None:
    limits = make(connections=2, connections_in_all=3)
    first, second = limits.connect(ADA), limits.connect(ADA)
    with pytest.raises(RateLimited) as refused:
        limits.connect(ADA)
    assert refused.value.details == {"limit": 2, "retry_after": 10}
    third = limits.connect(EVE)
    with pytest.raises(RateLimited):
        limits.connect(EVE)
    first()
    first()
    fourth = limits.connect(ADA)
    with pytest.raises(RateLimited):
        limits.connect(EVE)
    for close in (second, third, fourth):
        close()
    assert [limits.connect(EVE) for _ in range(2)]
