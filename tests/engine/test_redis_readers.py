"""DESIGN of a run, 6 and 11, over a real Redis: readers on another replica than the one that generates."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from jupyter_aichat.bus.base import Appended, Entry
from jupyter_aichat.bus.redis import RedisBus
from jupyter_aichat.cache.redis import RedisCache
from jupyter_aichat.domain.event import Event, RunFinished, Snapshot, decode_event
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.errors import BusUnavailable
from jupyter_aichat.providers.base import TextChunk, ThinkingChunk
from jupyter_aichat.redis_connection import RedisConnection
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.engine.collect import OWNER, ask, end, read, settled, text, until
from tests.fakes import DONE, FakeProvider
from tests.redis_server import RedisServer

Replica = Callable[[RedisServer], Engine]


@pytest.fixture
def replica(jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path, provider: FakeProvider) -> Iterator[Replica]:
    """Start engines on one store and one Redis, as replicas would; all are stopped at the end."""
    engines: list[Engine] = []
    prefix = f"{uuid.uuid4().hex}:"

    def make(server: RedisServer) -> Engine:
        connection = RedisConnection(url=server.url, prefix=prefix, log=logging.getLogger("replica"))
        store = SqliteStore(tmp_path / "chats.sqlite3")
        engine = Engine(store, RedisBus(connection), RedisCache(connection), [provider])
        jp_asyncio_loop.run_until_complete(engine.start())
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        jp_asyncio_loop.run_until_complete(engine.stop())


@pytest.fixture
def here(replica: Replica, redis: RedisServer) -> Engine:
    return replica(redis)


@pytest.fixture
def there(replica: Replica, redis: RedisServer, here: Engine) -> Engine:
    return replica(redis)


@pytest.fixture
def pair(replica: Replica, own_redis: RedisServer) -> tuple[Engine, Engine]:
    """Two replicas on a Redis that the test may stop."""
    return replica(own_redis), replica(own_redis)


def soon(take: Callable[[], None]) -> Callable[[], None]:
    """Wake a reader as the socket does: it takes in the loop's next step."""
    loop = asyncio.get_running_loop()
    return lambda: (loop.call_soon(take), None)[1]


async def test_a_reader_there_sees_each_event_that_a_reader_here_sees(
    here: Engine, there: Engine, provider: FakeProvider
) -> None:
    sent = await ask(here)
    reading = [asyncio.create_task(read(engine, sent.run.id)) for engine in (here, there)]
    for n in range(60):
        provider.say((ThinkingChunk(f"{n}?"),) if n < 10 else f"{n} ")
        await asyncio.sleep(0.01)
    provider.say((DONE,))
    whole, followed = await asyncio.gather(*reading)
    assert len(whole) > 20
    assert followed == whole
    for n in (0, len(whole) // 2, len(whole) - 2):
        assert await read(there, sent.run.id, whole[n][0]) == whole[n + 1 :]


async def test_an_event_is_there_soon_after_it_is_here(here: Engine, there: Engine, provider: FakeProvider) -> None:
    sent = await ask(here)
    came: list[float] = []

    def take() -> None:
        came.append(time.perf_counter())
        reader.take()

    reader = await there.runs.read(OWNER, sent.run.id, 0, soon(take))
    await until(lambda: provider.active == 1)
    await asyncio.sleep(0.3)
    waits = []
    for _ in range(10):
        before, said = len(came), time.perf_counter()
        provider.say("word ")
        await until(lambda before=before: len(came) > before)  # type: ignore[misc]
        waits.append(came[before] - said)
        await asyncio.sleep(0.05)
    provider.say((DONE,))
    await settled(here)
    assert sorted(waits)[5] < 0.25  # a tick to Redis and one from it are 50 ms; a poll of the store would be a second
    reader.close()


async def test_a_reader_there_that_begins_in_the_middle_begins_with_a_snapshot(
    here: Engine, there: Engine, provider: FakeProvider
) -> None:
    sent = await ask(here)
    provider.say("one ", "two ")
    async with asyncio.timeout(5):
        while not (await there._store.get_message(OWNER, sent.reply.chat_id, sent.reply.id)).parts:
            await asyncio.sleep(0.01)
    following = asyncio.create_task(read(there, sent.run.id, None))
    await asyncio.sleep(0.1)
    for n in range(5):
        provider.say(f"{n} ")
        await asyncio.sleep(0.05)
    provider.say((DONE,))
    events = await following
    assert isinstance(events[0][1], Snapshot)
    assert (text(events), end(events).state) == ("one two 0 1 2 3 4 ", "completed")
    places = [seq for seq, _ in events]
    assert places == list(range(places[0], places[0] + len(places)))  # each event of the log, and none twice


async def test_a_reader_whose_place_was_trimmed_gets_a_snapshot_and_then_the_rest(
    here: Engine, there: Engine, provider: FakeProvider
) -> None:
    sent = await ask(here)
    live = here._workers.find(sent.run.id)
    assert live is not None
    for n in range(900):
        live.feed([TextChunk(f"{n} ")])
        live.flush()
        if n % 20 == 0:
            await asyncio.sleep(0.001)
    await until(lambda: not here._journal._segments)
    async with asyncio.timeout(5):
        while await there._bus.read(sent.run.id, 5 + live.log.seq - live.log.n, 1) is not None:
            await asyncio.sleep(0.05)
    following = asyncio.create_task(read(there, sent.run.id, live.log.seq - live.log.n + 5))
    await asyncio.sleep(0.2)
    provider.say("end", (DONE,))
    events = await following
    assert isinstance(events[0][1], Snapshot)
    assert text(events) == " ".join(str(n) for n in range(900)) + " end"


async def test_a_slow_reader_there_keeps_little_costs_others_nothing_and_catches_up(
    here: Engine, there: Engine, provider: FakeProvider
) -> None:
    sent = await ask(here)
    slow = await there.runs.read(OWNER, sent.run.id, 0, lambda: None)
    quick = asyncio.create_task(read(there, sent.run.id))
    live = here._workers.find(sent.run.id)
    assert live is not None
    for n in range(1500):
        live.feed([TextChunk(f"{n} " + "x" * 600)])
        live.flush()
        if n % 50 == 0:
            await asyncio.sleep(0.025)
    provider.say((DONE,))
    events = await quick
    whole = text(events)
    kept = slow._source._events  # type: ignore[attr-defined]
    assert sum(len(event.data) for event in kept) < 400_000
    seen: list[tuple[int, Event]] = []
    async with asyncio.timeout(20):
        while not slow.finished:
            seen += [(event.seq, decode_event(event.data)) for event in slow.take(limit=20_000)]
            await asyncio.sleep(0.002)
    assert text(seen) == whole
    places = [seq for seq, _ in seen]
    assert places == sorted(set(places))


async def test_a_reader_that_goes_leaves_nothing(here: Engine, there: Engine, provider: FakeProvider) -> None:
    sent = await ask(here)
    readers = [await there.runs.read(OWNER, sent.run.id, after, lambda: None) for after in (0, None, 3)]
    await asyncio.sleep(0.1)
    following = there._bus._following  # type: ignore[attr-defined]
    assert any(group.runs for group in following._groups.values())
    for reader in readers:
        reader.close()
    assert not any(group.runs for group in following._groups.values())
    await until(lambda: not [t for t in asyncio.all_tasks() if t.get_name().startswith("aichat-follow-")])
    await until(lambda: all(group.task.done() for group in following._groups.values()))
    provider.say((DONE,))
    await settled(here)


async def test_stops_and_changes_are_heard_there_at_once(here: Engine, there: Engine, provider: FakeProvider) -> None:
    changes: list[str] = []
    there.watch(OWNER, lambda change: changes.append(change.change))
    sent = await ask(here)
    await until(lambda: "created" in changes, 0.9)
    await until(lambda: provider.active == 1)
    await there.runs.stop(OWNER, sent.run.id)
    await until(lambda: provider.active == 0, 0.9)
    assert end(await read(there, sent.run.id)).reason == "user"


# Faults


async def test_redis_that_stops_and_comes_back_costs_no_reader_a_word(
    pair: tuple[Engine, Engine], own_redis: RedisServer, provider: FakeProvider
) -> None:
    here, there = pair
    sent = await ask(here)
    reading = [asyncio.create_task(read(engine, sent.run.id)) for engine in (here, there)]
    for n in range(80):
        provider.say(f"{n} ")
        if n == 20:
            own_redis.kill()
        elif n == 50:
            own_redis.start()
        await asyncio.sleep(0.05)
    provider.say((DONE,))
    for events in await asyncio.gather(*reading):
        assert text(events) == " ".join(str(n) for n in range(80)) + " "
        assert end(events).state == "completed"


async def test_cut_connections_cost_no_reader_a_word(
    pair: tuple[Engine, Engine], own_redis: RedisServer, provider: FakeProvider
) -> None:
    """Also where Redis wrote what it could not tell: the log then has an entry that its owner takes for lost."""
    here, there = pair
    sent = await ask(here)
    reading = [asyncio.create_task(read(engine, sent.run.id)) for engine in (here, there)]
    for n in range(120):
        provider.say(f"{n} ")
        if n % 6 == 0:
            own_redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            own_redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        await asyncio.sleep(0.025)
    provider.say((DONE,))
    for events in await asyncio.gather(*reading):
        assert (text(events), end(events).state) == (" ".join(str(n) for n in range(120)) + " ", "completed")
        places = [seq for seq, _ in events]
        assert places == sorted(set(places))


async def test_an_append_whose_answer_was_lost_tears_no_run_away_from_its_owner(
    pair: tuple[Engine, Engine], provider: FakeProvider
) -> None:
    here, there = pair
    sent = await ask(here)
    reading = asyncio.create_task(read(there, sent.run.id))
    await until(lambda: provider.active == 1)
    append = here._bus.append

    async def unheard(entries: Sequence[Entry]) -> Appended:
        await append(entries)
        raise BusUnavailable

    for n in range(30):
        here._bus.append = unheard if n % 10 == 5 else append  # type: ignore[method-assign]
        provider.say(f"{n} ")
        await asyncio.sleep(0.05)
    here._bus.append = append  # type: ignore[method-assign]
    await asyncio.sleep(2.2)  # the owner's checkpoints begin the log anew, with nothing new to say
    provider.say((DONE,))
    events = await reading
    assert (text(events), end(events).state) == (" ".join(str(n) for n in range(30)) + " ", "completed")


async def test_while_redis_is_away_a_reader_there_is_never_more_than_two_seconds_behind(
    pair: tuple[Engine, Engine], own_redis: RedisServer, provider: FakeProvider
) -> None:
    here, there = pair
    sent = await ask(here)
    seen: list[tuple[int, Event]] = []

    def take() -> None:
        seen.extend((event.seq, decode_event(event.data)) for event in reader.take())

    reader = await there.runs.read(OWNER, sent.run.id, 0, soon(take))
    provider.say("before ")
    await until(lambda: "before" in text(seen))
    own_redis.kill()
    loop = asyncio.get_running_loop()
    for word in ("one", "two", "three"):
        provider.say(word)
        said = loop.time()
        await until(lambda word=word: word in text(seen), 4)  # type: ignore[misc]
        assert loop.time() - said < 3.2  # a checkpoint and a look at the store, a second each, on a busy machine
    provider.say((DONE,))
    await until(lambda: reader.finished, 4)
    assert isinstance(seen[-1][1], RunFinished)


async def test_readiness_names_redis_within_two_seconds_and_its_recovery(
    pair: tuple[Engine, Engine], own_redis: RedisServer
) -> None:
    engine, _ = pair
    assert (await engine.readiness()).parts.bus == "ok"
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        await _until_parts(engine, "down", 3.2)
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    await _until_parts(engine, "ok", 2.2)
    own_redis.kill()
    await _until_parts(engine, "down", 2)
    assert (await engine.readiness()).status == "degraded"
    own_redis.start()
    await _until_parts(engine, "ok", 2)


async def _until_parts(engine: Engine, state: str, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while {(parts := (await engine.readiness()).parts).bus, parts.cache} != {state}:
            await asyncio.sleep(0.02)


def test_an_engine_starts_answers_and_stops_where_redis_is_not_there(
    replica: Replica, own_redis: RedisServer, provider: FakeProvider, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> None:
    own_redis.kill()
    engine, beside = replica(own_redis), replica(own_redis)

    async def play() -> None:
        sent = await ask(engine)
        provider.say("whole ", "text", (DONE,))
        told = await read(beside, sent.run.id)
        assert (text(told), end(told).error) == ("whole text", None)
        sent = await ask(engine)
        await until(lambda: provider.active == 1)
        await beside.runs.stop(OWNER, sent.run.id)
        await until(lambda: provider.active == 0, 3)
        assert end(await read(beside, sent.run.id)).reason == "user"
        await ask(engine, chat=sent.reply.chat_id)
        await until(lambda: provider.active == 1)
        await beside.chats.delete(OWNER, sent.reply.chat_id)
        await until(lambda: provider.active == 0, 3)
        assert (await engine.readiness()).status == "degraded"

    jp_asyncio_loop.run_until_complete(play())
