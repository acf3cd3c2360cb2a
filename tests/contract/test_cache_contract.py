"""What every cache keeps."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.cache.local import LocalCache

LONG_S = 60.0
SHORT_S = 0.1


async def gone(cache: Cache, key: str) -> None:
    """Wait until a value has expired."""
    async with asyncio.timeout(5):
        while await cache.get(key) is not None:
            await asyncio.sleep(0.01)


async def test_what_was_put_is_found_and_the_last_one_wins(cache: Cache) -> None:
    assert await cache.get("k") is None
    await cache.put("k", b"one", LONG_S)
    await cache.put("k", b"\0\xff two", LONG_S)
    assert await cache.get("k") == b"\0\xff two"
    assert await cache.get("K") is None


async def test_a_value_is_there_for_its_time_and_no_longer(cache: Cache) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await cache.put("short", b"x", SHORT_S)
    await cache.put("long", b"y", LONG_S)
    await gone(cache, "short")
    assert loop.time() - begun >= SHORT_S
    assert await cache.get("long") == b"y"


async def test_putting_again_begins_the_time_anew(cache: Cache) -> None:
    await cache.put("k", b"x", SHORT_S)
    await cache.put("k", b"y", LONG_S)
    await cache.put("beside", b"z", SHORT_S)
    await gone(cache, "beside")
    assert await cache.get("k") == b"y"


async def test_add_writes_only_where_there_is_nothing(cache: Cache) -> None:
    assert await cache.add("k", b"first", SHORT_S)
    assert not await cache.add("k", b"second", LONG_S)
    assert await cache.get("k") == b"first"
    await gone(cache, "k")
    assert await cache.add("k", b"third", LONG_S)
    assert await cache.get("k") == b"third"


async def test_of_many_that_add_at_once_one_wins(cache: Cache) -> None:
    won = await asyncio.gather(*(cache.add("k", str(n).encode(), LONG_S) for n in range(50)))
    assert sum(won) == 1
    assert await cache.get("k") == str(won.index(True)).encode()


async def test_delete_tells_whether_there_was_one(cache: Cache) -> None:
    await cache.put("k", b"x", LONG_S)
    assert await cache.delete("k")
    assert not await cache.delete("k")
    assert await cache.get("k") is None
    await cache.put("k", b"x", SHORT_S)
    await gone(cache, "k")
    assert not await cache.delete("k")


async def test_a_counter_counts_every_step(cache: Cache) -> None:
    assert await cache.increment("n", LONG_S) == 1
    assert await cache.increment("n", LONG_S, by=4) == 5
    assert sorted(await asyncio.gather(*(cache.increment("n", LONG_S) for _ in range(50)))) == list(range(6, 56))
    assert await cache.increment("n", LONG_S, by=-55) == 0
    assert await cache.get("n") == b"0"


async def test_a_counters_time_runs_from_its_first_step(cache: Cache) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    counts = [await cache.increment("n", SHORT_S)]
    async with asyncio.timeout(5):
        while counts[-1] != 1 or len(counts) == 1:
            await asyncio.sleep(0.01)
            counts.append(await cache.increment("n", SHORT_S))
    assert loop.time() - begun >= SHORT_S
    assert counts == [*range(1, len(counts)), 1]


async def test_a_set_gathers_until_it_is_deleted(cache: Cache) -> None:
    await asyncio.gather(*(cache.gather("s", b"%d" % (n % 5), LONG_S) for n in range(20)))
    assert await cache.members("s") == {b"0", b"1", b"2", b"3", b"4"}
    assert await cache.members("other") == frozenset()
    assert await cache.delete("s")
    assert await cache.members("s") == frozenset()
    assert not await cache.delete("s")


async def test_a_sets_time_begins_anew_with_each_member(cache: Cache) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while loop.time() - begun < 3 * SHORT_S:
        await cache.gather("s", b"%d" % int((loop.time() - begun) * 1000), SHORT_S)
        await asyncio.sleep(0.01)
    assert len(await cache.members("s")) > 2 * SHORT_S / 0.02
    async with asyncio.timeout(5):
        while await cache.members("s"):
            await asyncio.sleep(0.01)


async def test_it_answers(cache: Cache) -> None:
    await cache.ping()


async def test_closed_the_local_cache_has_forgotten_everything() -> None:
    cache = LocalCache()
    await cache.put("k", b"x", LONG_S)
    await cache.close()
    await cache.open()
    assert await cache.get("k") is None


@given(st.lists(st.sampled_from("abcdef"), max_size=60), st.integers(1, 5))
def test_the_local_cache_is_bounded_and_the_oldest_go_first(keys: list[str], kept: int) -> None:
    async def fill() -> None:
        cache = LocalCache(kept)
        for n, key in enumerate(keys):
            await cache.put(key, str(n).encode(), LONG_S)
        newest = list(dict.fromkeys(reversed(keys)))
        assert {key for key in "abcdef" if await cache.get(key) is not None} == set(newest[:kept])

    asyncio.run(fill())
