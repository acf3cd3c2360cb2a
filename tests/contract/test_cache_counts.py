"""What every cache keeps of sliding windows and of what is held for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.cache.local_counts import Holds, Windows
from jupyter_aichat.domain.limit import Rate
from tests.contract import cache_targets
from tests.contract.bus_targets import Connect

LONG = Rate(5, 60)
LONG_S = 60.0
SHORT_S = 0.2


async def taken(cache: Cache, times: int, key: str = "k", rates: Mapping[str, Rate] | None = None) -> int:
    """How many of so many that come at once have room."""
    tallies = await asyncio.gather(*(cache.take(key, rates or {"n": LONG}) for _ in range(times)))
    return sum(tally.taken for tally in tallies)


@pytest.fixture
def other_cache(
    cache: Cache, jp_asyncio_loop: asyncio.AbstractEventLoop, connect: Connect, request: pytest.FixtureRequest
) -> Iterator[Cache]:
    """The same data, as another process sees it; in process there is only one."""
    target = request.node.callspec.params["cache"]
    other = cache if target == "local" else cache_targets.TARGETS[target](connect)
    jp_asyncio_loop.run_until_complete(other.open())
    yield other
    jp_asyncio_loop.run_until_complete(other.close())


# Windows


async def test_so_many_have_room_and_each_key_and_name_by_itself(cache: Cache) -> None:
    assert await taken(cache, 20) == 5
    assert await taken(cache, 20, "other") == 5
    assert await taken(cache, 20, rates={"m": Rate(2, 60)}) == 2


async def test_of_many_processes_together_no_more_have_room(cache: Cache, other_cache: Cache) -> None:
    assert sum(await asyncio.gather(taken(cache, 20), taken(other_cache, 20))) == 5


async def test_all_counts_have_room_or_none_is_counted(cache: Cache) -> None:
    both = {"wide": Rate(10, 60), "narrow": Rate(3, 60)}
    assert await taken(cache, 20, rates=both) == 3
    assert await taken(cache, 20, rates={"wide": both["wide"]}) == 7
    tally = await cache.take("k", both)
    assert not tally.taken
    assert {name: count.now for name, count in tally.counts.items()} == {"wide": 10, "narrow": 3}


async def test_it_tells_where_a_count_stands(cache: Cache) -> None:
    assert [(await cache.take("k", {"n": LONG})).counts["n"].now for _ in range(7)] == [1, 2, 3, 4, 5, 5, 5]
    assert 60 <= (await cache.take("k", {"n": LONG})).counts["n"].eases_s <= 66


async def test_who_waits_as_long_as_told_finds_room(cache: Cache) -> None:
    rate = {"n": Rate(3, SHORT_S)}
    assert await taken(cache, 3, rates=rate) == 3
    full = await cache.take("k", rate)
    assert not full.taken
    assert SHORT_S / 2 < full.counts["n"].eases_s <= 1.1 * SHORT_S + 0.001
    await asyncio.sleep(full.counts["n"].eases_s + 0.01)
    assert (await cache.take("k", rate)).taken


async def test_nothing_has_room_where_the_most_is_nothing(cache: Cache) -> None:
    tally = await cache.take("k", {"n": Rate(0, 60)})
    assert (tally.taken, tally.counts["n"].now) == (False, 0)
    assert tally.counts["n"].eases_s > 0


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@given(st.lists(st.tuples(st.floats(0, 40), st.integers(1, 8)), min_size=1, max_size=40), st.integers(1, 6))
def test_in_no_stretch_of_a_window_are_there_more(bursts: list[tuple[float, int]], most: int) -> None:
    clock, times = Clock(), list[float]()
    windows, rate = Windows(10, clock), {"n": Rate(most, 60)}
    for pause, count in bursts:
        clock.at += pause
        times += [clock.at for _ in range(count) if windows.take("k", rate).taken]
    for begin in times:
        assert sum(begin <= at < begin + 60 for at in times) <= most


@given(st.lists(st.tuples(st.floats(0, 90), st.integers(1, 8)), min_size=1, max_size=20))
def test_waiting_as_long_as_told_is_enough_and_no_longer_than_a_window_and_a_tenth(
    bursts: list[tuple[float, int]],
) -> None:
    clock = Clock()
    windows, rate = Windows(10, clock), {"n": Rate(3, 60)}
    for pause, count in bursts:
        clock.at += pause
        for _ in range(count - 1):
            windows.take("k", rate)
        tally = windows.take("k", rate)
        if not tally.taken:
            assert 0 < tally.counts["n"].eases_s <= 66
            clock.at += tally.counts["n"].eases_s + 1e-6
            assert windows.take("k", rate).taken


def test_windows_are_bounded_and_those_unused_for_longest_go_first() -> None:
    windows, rate = Windows(2), {"n": Rate(1, 60)}
    assert [windows.take(key, rate).taken for key in "abacab"] == [True, True, False, True, False, True]


# Holds


async def test_what_is_held_before_is_summed_by_name(cache: Cache, other_cache: Cache) -> None:
    assert await cache.hold("k", "first", {"a": 3, "b": 1}, LONG_S) == {}
    assert await other_cache.hold("k", "second", {"a": 4}, LONG_S) == {"a": 3, "b": 1}
    assert await cache.hold("k", "third", {}, LONG_S) == {"a": 7, "b": 1}
    assert await cache.hold("other", "third", {"a": 1}, LONG_S) == {}


async def test_a_holder_keeps_its_turn_when_it_holds_again(cache: Cache) -> None:
    await cache.hold("k", "first", {"a": 1}, LONG_S)
    await cache.hold("k", "second", {"a": 10}, LONG_S)
    assert await cache.hold("k", "first", {"a": 100}, LONG_S) == {}
    assert await cache.hold("k", "second", {"a": 10}, LONG_S) == {"a": 100}


async def test_what_was_let_go_is_held_no_more(cache: Cache) -> None:
    await cache.hold("k", "first", {"a": 1}, LONG_S)
    await cache.let_go("k", "first")
    await cache.let_go("k", "first")
    await cache.let_go("unknown", "first")
    assert await cache.hold("k", "second", {"a": 1}, LONG_S) == {}


async def test_what_is_not_held_again_is_free_after_its_time(cache: Cache) -> None:
    await cache.hold("k", "dead", {"a": 1}, SHORT_S)
    await cache.hold("k", "alive", {"a": 10}, LONG_S)
    assert await cache.hold("k", "new", {"a": 100}, LONG_S) == {"a": 11}
    async with asyncio.timeout(5):
        while await cache.hold("k", "new", {"a": 100}, LONG_S) != {"a": 10}:
            await asyncio.sleep(0.02)


async def test_of_many_that_hold_at_once_each_sees_those_before_it(cache: Cache, other_cache: Cache) -> None:
    seen = await asyncio.gather(*((cache, other_cache)[n % 2].hold("k", f"h{n}", {"a": 1}, LONG_S) for n in range(50)))
    assert sorted(sums.get("a", 0) for sums in seen) == list(range(50))


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["hold", "let_go"]), st.integers(0, 9)), max_size=40)
)
def test_sums_are_those_of_a_list_in_order(steps: list[tuple[str, str, int]]) -> None:
    holds, model = Holds(10), dict[str, int]()
    for holder, step, amount in steps:
        if step == "let_go":
            holds.let_go("k", holder)
            model.pop(holder, None)
            continue
        model[holder] = amount
        before = list(model)[: list(model).index(holder)]
        expected = {"n": sum(model[name] for name in before)} if before else {}
        assert holds.hold("k", holder, {"n": amount}, LONG_S) == expected
