"""Redis that stops, comes back empty, is full, only reads, hangs or cuts connections: unavailable meanwhile, then healed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from jupyter_aichat.bus import redis_signals
from jupyter_aichat.bus.base import Appended, Entry
from jupyter_aichat.bus.redis import AWAY_SILENCE_S, SILENCE_S, RedisBus
from jupyter_aichat.cache.redis import RedisCache
from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.domain.run import seq_of
from jupyter_aichat.errors import BusUnavailable, CacheUnavailable
from jupyter_aichat.redis_connection import RedisConnection
from tests.redis_server import RedisServer

RUN = RunId("r1")


def connection(server: RedisServer, **traits: float) -> RedisConnection:
    return RedisConnection(url=server.url, log=logging.getLogger("redis-faults"), **traits)


@contextlib.asynccontextmanager
async def opened(*connections: RedisConnection) -> AsyncIterator[list[RedisBus]]:
    buses = [RedisBus(each) for each in connections]
    for bus in buses:
        await bus.open()
    try:
        yield buses
    finally:
        for bus in buses:
            await bus.close()


def entry(n: int, begins: bool = False, run: RunId = RUN) -> Entry:
    return Entry(run, seq_of(1, n), b'"%d"' % n, begins or n == 1)


async def until(condition: Callable[[], bool], seconds: float = 8) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def again(question: Callable[[], object]) -> float:
    """Ask until there is an answer; return how long that took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.timeout(8):
        while True:
            with contextlib.suppress(BusUnavailable, CacheUnavailable):
                await question()  # type: ignore[misc]
                return loop.time() - begun
            await asyncio.sleep(0.02)


async def test_redis_that_is_not_there_at_the_start_is_used_when_it_comes(own_redis: RedisServer) -> None:
    own_redis.kill()
    async with opened(connection(own_redis), connection(own_redis)) as (bus, other):
        heard: list[Entry] = []
        signals: list[bytes] = []
        other.follow(RUN, 0, heard.extend)
        other.subscribe("t", signals.append)
        for asked in (bus.ping(), bus.append([entry(1)]), bus.read(RUN, 0, 1), bus.publish("t", b""), bus.expire(RUN)):
            with pytest.raises(BusUnavailable):
                await asked
        with pytest.raises(BusUnavailable):
            await bus.trim({RUN: 1})
        await until(lambda: other.silence_s == AWAY_SILENCE_S)
        own_redis.start()
        assert await again(bus.ping) < 2
        await bus.append([entry(1)])
        await until(lambda: heard == [entry(1)])
        async with asyncio.timeout(5):
            while not signals:
                await bus.publish("t", b"x")
                await asyncio.sleep(0.02)
        await until(lambda: other.silence_s == SILENCE_S, 2)


async def test_redis_that_comes_back_empty_says_which_logs_are_gone(own_redis: RedisServer) -> None:
    async with opened(connection(own_redis), connection(own_redis)) as (bus, other):
        heard: list[Entry] = []
        other.follow(RUN, 0, heard.extend)
        await bus.append([entry(1), entry(2)])
        await until(lambda: len(heard) == 2)
        own_redis.restart()
        await again(bus.ping)
        assert await bus.append([entry(3)]) == Appended(missing=frozenset({RUN}))
        assert await bus.read(RUN, seq_of(1, 2), 10) is None
        assert await bus.append([entry(4, begins=True), entry(5)]) == Appended()
        await until(lambda: len(heard) == 4)
        assert heard == [entry(1), entry(2), entry(4, begins=True), entry(5)]


async def test_stopped_and_started_under_load_every_follower_has_all_or_sees_the_hole(own_redis: RedisServer) -> None:
    """What an owner does: after a failure, and where the log is gone, the next entry is one that begins."""
    runs = [RunId(f"r{n}") for n in range(30)]
    heard: dict[RunId, list[Entry]] = {run: [] for run in runs}
    async with opened(connection(own_redis), connection(own_redis)) as (bus, other):
        for run in runs:
            other.follow(run, 0, heard[run].extend)
        begins = set(runs)
        failures = 0
        for n in range(1, 120):
            batch = [entry(n, begins=run in begins, run=run) for run in runs]
            try:
                appended = await bus.append(batch)
            except BusUnavailable:
                failures += 1
                begins = set(runs)
            else:
                assert not appended.refused
                begins = set(appended.missing)
            if n in {30, 70}:
                own_redis.kill()
            elif n in {45, 85}:
                own_redis.start()
                await again(bus.ping)
            await asyncio.sleep(0.005)
        assert failures >= 20
        await until(lambda: all(found and found[-1].seq == seq_of(1, 119) for found in heard.values()))
    for found in heard.values():
        places = [each.seq for each in found]
        assert places == sorted(set(places))
        holes = [(a, b) for a, b in itertools.pairwise(found) if b.seq != a.seq + 1]
        assert all(b.begins for _, b in holes)


async def test_a_full_redis_is_down_and_what_it_has_can_be_read(own_redis: RedisServer) -> None:
    async with opened(connection(own_redis)) as (bus,):
        await bus.append([entry(1)])
        own_redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        own_redis.command("CONFIG", "SET", "maxmemory", "1")
        for asked in (bus.append([entry(2)]), bus.ping()):
            with pytest.raises(BusUnavailable):
                await asked
        assert bus.silence_s == AWAY_SILENCE_S
        assert await bus.read(RUN, 0, 10) == (entry(1),)
        own_redis.command("CONFIG", "SET", "maxmemory", "0")
        await bus.ping()
        assert await bus.append([entry(3, begins=True)]) == Appended()


async def test_evicted_logs_are_missing(own_redis: RedisServer) -> None:
    own_redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    async with opened(connection(own_redis)) as (bus,):
        await bus.append([entry(1)])
        used = next(
            line for line in own_redis.command("INFO", "memory").split(b"\r\n") if line.startswith(b"used_memory:")
        )
        own_redis.command("CONFIG", "SET", "maxmemory", str(int(used.split(b":")[1]) + 200_000))
        runs = [RunId(f"other{n}") for n in range(200)]
        for run in runs:
            await bus.append([Entry(run, seq_of(1, 1), b"x" * 10_000, True)])
        gone = await bus.append([Entry(run, seq_of(1, 2), b"") for run in runs])
        assert len(gone.missing) > 100


async def test_a_replica_that_only_reads_is_down_until_it_is_the_master(own_redis: RedisServer) -> None:
    async with opened(connection(own_redis)) as (bus,):
        await bus.append([entry(1)])
        own_redis.command("REPLICAOF", "127.0.0.1", "1")
        for asked in (bus.append([entry(2)]), bus.ping()):
            with pytest.raises(BusUnavailable):
                await asked
        assert bus.silence_s == AWAY_SILENCE_S
        own_redis.command("REPLICAOF", "NO", "ONE")
        await bus.ping()
        assert await bus.append([entry(2)]) == Appended()


async def test_a_hanging_redis_costs_one_time_out_and_not_one_for_each_question(own_redis: RedisServer) -> None:
    loop = asyncio.get_running_loop()
    async with opened(connection(own_redis, timeout_s=0.5)) as (bus,):
        await bus.append([entry(1)])
        os.kill(own_redis.pid, signal.SIGSTOP)
        try:
            begun = loop.time()
            with pytest.raises(BusUnavailable):
                await bus.ping()
            assert loop.time() - begun < 1
            begun = loop.time()
            for _ in range(50):
                with pytest.raises(BusUnavailable):
                    await bus.append([entry(2)])
            assert loop.time() - begun < 0.4
        finally:
            os.kill(own_redis.pid, signal.SIGCONT)
        assert await again(bus.ping) < 2
        appended = await bus.append([entry(3, begins=True)])
        assert appended == Appended()


async def test_a_crowd_at_a_hanging_redis_waits_for_one_time_out(own_redis: RedisServer) -> None:
    loop = asyncio.get_running_loop()
    async with opened(connection(own_redis, timeout_s=0.5)) as (bus,):
        await bus.append([entry(1)])
        os.kill(own_redis.pid, signal.SIGSTOP)
        try:
            begun = loop.time()
            told = await asyncio.gather(*(bus.read(RUN, 0, 1) for _ in range(300)), return_exceptions=True)
            assert loop.time() - begun < 1.5
            assert all(isinstance(each, BusUnavailable) for each in told)
        finally:
            os.kill(own_redis.pid, signal.SIGCONT)
        assert await again(bus.ping) < 2


async def test_cut_connections_are_made_anew(own_redis: RedisServer) -> None:
    async with opened(connection(own_redis), connection(own_redis)) as (bus, other):
        heard: list[Entry] = []
        signals: list[bytes] = []
        other.follow(RUN, 0, heard.extend)
        other.subscribe("t", signals.append)
        for n in range(1, 40):
            if n % 10 == 5:
                for kind in ("normal", "pubsub"):
                    own_redis.command("CLIENT", "KILL", "TYPE", kind)
            await again(lambda n=n: bus.append([entry(n, begins=True)]))  # type: ignore[misc]
            await asyncio.sleep(0.01)
        await until(lambda: bool(heard) and heard[-1].seq == seq_of(1, 39))
        places = [each.seq for each in heard]
        assert places == [seq_of(1, n) for n in range(1, 40)]
        async with asyncio.timeout(5):
            while not signals:
                await bus.publish("t", b"x")
                await asyncio.sleep(0.02)


async def test_a_listener_that_redis_drops_for_its_output_listens_again(own_redis: RedisServer) -> None:
    own_redis.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 100kb 100kb 1")
    async with opened(connection(own_redis), connection(own_redis)) as (bus, other):
        signals: list[bytes] = []
        other.subscribe("t", signals.append)
        await again_heard(bus, signals)
        assert commands(own_redis, "subscribe") == 2
        with contextlib.suppress(BusUnavailable):
            await bus.publish("t", b"x" * 8_000_000)
        await until(lambda: commands(own_redis, "subscribe") > 2)
        signals.clear()
        await again_heard(bus, signals)


async def again_heard(bus: RedisBus, signals: list[bytes]) -> None:
    async with asyncio.timeout(8):
        while b"again" not in signals:
            with contextlib.suppress(BusUnavailable):
                await bus.publish("t", b"again")
            await asyncio.sleep(0.02)


async def test_a_channel_that_says_nothing_for_long_is_asked_whether_it_is_there(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_signals, "QUIET_S", 0.1)
    async with opened(connection(own_redis, timeout_s=0.3), connection(own_redis)) as (listener, bus):
        signals: list[bytes] = []
        listener.subscribe("t", signals.append)
        await again_heard(bus, signals)
        asked = commands(own_redis, "ping")
        await until(lambda: commands(own_redis, "ping") >= asked + 3)
        assert commands(own_redis, "subscribe") == 2
        os.kill(own_redis.pid, signal.SIGSTOP)
        await asyncio.sleep(1)
        os.kill(own_redis.pid, signal.SIGCONT)
        await until(lambda: commands(own_redis, "subscribe") > 2)
        signals.clear()
        await again_heard(bus, signals)


def commands(server: RedisServer, name: str) -> int:
    """How often a command was given so far."""
    for line in server.command("INFO", "commandstats").decode().splitlines():
        if line.startswith(f"cmdstat_{name}:"):
            return int(line.partition("calls=")[2].partition(",")[0])
    return 0


async def test_the_log_says_once_what_is_wrong_and_never_a_text(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "redis-faults")
    async with opened(connection(own_redis)) as (bus,):
        await bus.append([Entry(RUN, seq_of(1, 1), b"a secret text", True)])
        own_redis.kill()
        for n in range(2, 30):
            with pytest.raises(BusUnavailable) as unavailable:
                await bus.append([Entry(RUN, seq_of(1, n), b"a secret text")])
            assert "secret" not in str(unavailable.value)
        own_redis.start()
        await again(bus.ping)
    told = [record.getMessage() for record in caplog.records if record.name == "redis-faults"]
    assert sum("cannot be used" in line for line in told) == 1
    assert sum("is back" in line for line in told) == 1
    assert "secret" not in caplog.text


async def test_the_cache_too_is_unavailable_and_comes_back(own_redis: RedisServer) -> None:
    cache = RedisCache(connection(own_redis))
    await cache.open()
    await cache.put("k", b"v", 60)
    own_redis.kill()
    for asked in (
        cache.ping(), cache.get("k"), cache.put("k", b"", 1), cache.add("k", b"", 1), cache.delete("k"),
        cache.increment("n", 1),
    ):  # fmt: skip
        with pytest.raises(CacheUnavailable):
            await asked
    own_redis.start()
    await again(cache.ping)
    assert await cache.get("k") is None
    await cache.close()
    with pytest.raises(CacheUnavailable):
        await cache.get("k")


async def test_whoever_is_cancelled_while_asking_has_ended(redis: RedisServer) -> None:
    """At whatever step of the question: one that went on would never end."""
    cache = RedisCache(connection(redis))
    await cache.open()
    try:
        for step in range(120):
            asking = asyncio.create_task(_ask_for_ever(cache))
            for _ in range(40 + step % 40):
                await asyncio.sleep(0)
            await asyncio.sleep(step * 1e-5)
            asking.cancel()
            await asyncio.wait([asking], timeout=5)
            assert asking.cancelled(), step
    finally:
        await cache.close()


async def _ask_for_ever(cache: RedisCache) -> None:
    while True:
        await cache.increment("asked", 60)
