"""Many reservations at once, over several processes, and what becomes of them when a process or Redis is gone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.cache.redis import RedisCache
from jupyter_aichat.domain.run import RunRecord
from jupyter_aichat.errors import CacheUnavailable, NotReady, QuotaExceeded
from jupyter_aichat.limits import holds
from jupyter_aichat.limits.quotas import Quotas
from jupyter_aichat.redis_connection import RedisConnection
from tests.limits.ledgers import ADA, Used, make_quotas, no_prompt, run_of
from tests.redis_server import RedisServer

RULE: dict[str, object] = {"tokens_per_day": 1000}


class FlakyCache(LocalCache):
    """A cache that can be away."""

    away = False

    async def hold(self, key: str, holder: str, amounts: Mapping[str, int], ttl_s: float) -> Mapping[str, int]:
        if self.away:
            raise CacheUnavailable
        return await super().hold(key, holder, amounts, ttl_s)

    async def let_go(self, key: str, holder: str) -> None:
        if self.away:
            raise CacheUnavailable
        await super().let_go(key, holder)


@pytest.fixture(params=["local", "redis"])
def caches(request: pytest.FixtureRequest, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[tuple[Cache, Cache]]:
    """The cache as two processes see it."""
    if request.param == "local":
        cache = LocalCache()
        yield cache, cache
        return
    server: RedisServer = request.getfixturevalue("redis")
    prefix = f"{uuid.uuid4().hex}:"
    both = tuple(RedisCache(RedisConnection(url=server.url, prefix=prefix)) for _ in range(2))
    for each in both:
        jp_asyncio_loop.run_until_complete(each.open())
    yield both[0], both[1]
    for each in both:
        jp_asyncio_loop.run_until_complete(each.close())


async def reserved(quotas: Quotas, count: int) -> list[RunRecord]:
    """Those that were allowed of so many at once."""
    runs = [run_of() for _ in range(count)]
    outcomes = await asyncio.gather(*(quotas.reserve(run, no_prompt) for run in runs), return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, QuotaExceeded) for outcome in outcomes)
    return [run for run, outcome in zip(runs, outcomes, strict=True) if outcome is None]


async def until_allowed(quotas: Quotas) -> None:
    async with asyncio.timeout(5):
        while not await reserved(quotas, 1):
            await asyncio.sleep(0.02)


async def test_many_at_once_in_two_processes_never_pass_a_bound_and_use_all_of_it(caches: tuple[Cache, Cache]) -> None:
    used = Used()
    one, two = (make_quotas(RULE, cache=cache, used=used) for cache in caches)
    allowed = await asyncio.gather(reserved(one, 25), reserved(two, 25))
    assert sum(map(len, allowed)) == 10
    for run in allowed[0]:
        used.add(60)
        await one.settle(run.run.id)
    again = await asyncio.gather(reserved(one, 25), reserved(two, 25))
    assert sum(map(len, again)) == (40 * len(allowed[0])) // 100


async def test_a_refused_reservation_holds_nothing(caches: tuple[Cache, Cache]) -> None:
    one, two = (make_quotas(RULE, cache=cache) for cache in caches)
    first = await reserved(one, 30)
    for run in first:
        await one.settle(run.run.id)
    assert len(await reserved(two, 30)) == 10


async def test_what_a_dead_process_held_is_free_after_its_lease(
    caches: tuple[Cache, Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, other = (make_quotas(RULE, cache=cache) for cache in caches)
    monkeypatch.setattr(holds, "LEASE_S", 0.3)
    assert len(await reserved(dead, 10)) == 10
    monkeypatch.setattr(holds, "LEASE_S", 60)
    assert await reserved(other, 1) == []
    await until_allowed(other)


async def test_what_goes_on_is_renewed_also_where_the_cache_was_emptied(
    caches: tuple[Cache, Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (make_quotas(RULE, cache=cache) for cache in caches)
    monkeypatch.setattr(holds, "RENEW_S", 0.05)
    runs = await reserved(one, 10)
    one.start()
    try:
        for run in runs:
            await caches[0].let_go(f"held:{ADA}", run.run.id)
        async with asyncio.timeout(5):
            while len(left := await reserved(two, 10)):
                for run in left:
                    await two.settle(run.run.id)
                await asyncio.sleep(0.02)
        await one.settle(runs[0].run.id)
        assert len(await reserved(two, 10)) == 1
    finally:
        await one.stop()


async def test_without_the_cache_each_process_counts_its_own_or_nobody_is_let_in() -> None:
    cache, used = FlakyCache(), Used()
    one, two = (make_quotas(RULE, cache=cache, used=used) for _ in range(2))
    strict = make_quotas(RULE, cache=cache, alone=False)
    held = await reserved(one, 4)
    cache.away = True
    assert len(await reserved(one, 10)) == 6
    used.add(500)
    assert len(await reserved(two, 10)) == 5
    with pytest.raises(NotReady):
        await strict.reserve(run_of(), no_prompt)
    for run in held:
        await one.settle(run.run.id)
    cache.away = False
    assert len(await reserved(strict, 10)) == 6


async def test_a_run_that_is_taken_over_is_held_by_who_goes_on_with_it(caches: tuple[Cache, Cache]) -> None:
    one, two = (make_quotas(RULE, cache=cache) for cache in caches)
    runs = await reserved(one, 10)
    one.hand_over(runs[0].run.id)
    await two.adopt(runs[0])
    await one.settle(runs[0].run.id)
    assert await reserved(two, 1) == []
    await two.settle(runs[0].run.id)
    assert len(await reserved(one, 10)) == 1


Step = tuple[str, int, int]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["ask", "end", "fail"]), st.integers(0, 9), st.integers(1, 400)), max_size=60)
)
def test_used_and_held_never_pass_the_bound_and_nothing_is_lost(steps: list[Step]) -> None:
    async def go() -> None:
        used, cache = Used(), LocalCache()
        processes = [make_quotas(RULE, cache=cache, used=used) for _ in range(2)]
        under_way: list[tuple[Quotas, RunRecord, int]] = []
        spent = 0
        for step, which, amount in steps:
            if step == "ask":
                quotas, run = processes[which % 2], run_of(num_predict=amount)
                fits = spent + sum(each for _, _, each in under_way) + amount <= 1000
                try:
                    await quotas.reserve(run, no_prompt)
                except QuotaExceeded:
                    assert not fits
                    continue
                assert fits
                under_way.append((quotas, run, amount))
            elif under_way:
                quotas, run, reserved_tokens = under_way.pop(which % len(under_way))
                if step == "end":
                    used.add(min(amount, reserved_tokens))
                    spent += min(amount, reserved_tokens)
                await quotas.settle(run.run.id)
        (standing,) = await processes[0].standing(ADA)
        assert standing.used == spent
        assert spent + sum(each for _, _, each in under_way) <= 1000

    asyncio.run(go())


async def test_who_is_far_from_every_bound_is_judged_by_what_was_known_a_moment_ago() -> None:
    used = Used()
    quotas = make_quotas({"tokens_per_day": 100_000}, used=used)
    await quotas.reserve(run_of(), no_prompt)
    used.add(tokens=99_950)  # nobody uses that much in a moment
    await quotas.reserve(run_of(), no_prompt)
    with pytest.raises(QuotaExceeded):
        await quotas.reserve(run_of(num_predict=1000), no_prompt)


@pytest.mark.parametrize(
    ("rule", "before"),
    [({"tokens_per_day": 10_000}, 0), ({"tokens_per_day": 100_000}, 50_000)],
    ids=["small", "half used"],
)
async def test_who_is_not_is_judged_by_what_is_so(rule: dict[str, object], before: int) -> None:
    used = Used()
    quotas = make_quotas(rule, used=used)
    used.add(tokens=before)
    await quotas.reserve(run_of(), no_prompt)
    used.add(tokens=99_950)
    with pytest.raises(QuotaExceeded):
        await quotas.reserve(run_of(), no_prompt)


async def test_what_was_known_is_soon_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_aichat.limits.quotas.LATELY_S", 0.05)
    used = Used()
    quotas = make_quotas({"tokens_per_day": 100_000}, used=used)
    await quotas.reserve(run_of(), no_prompt)
    used.add(tokens=99_950)
    await asyncio.sleep(0.06)
    with pytest.raises(QuotaExceeded):
        await quotas.reserve(run_of(), no_prompt)
