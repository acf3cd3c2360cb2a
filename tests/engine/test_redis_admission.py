"""DESIGN of a run, 10 and 11, over a real Redis: one line for all replicas, also after Redis forgot it or was away."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from traitlets.config import Config

from jupyter_aichat.bus.redis import RedisBus
from jupyter_aichat.cache.local_queue import LocalQueue
from jupyter_aichat.cache.redis import RedisCache
from jupyter_aichat.cache.redis_queue import RedisQueue
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.engine import admission
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.redis_connection import RedisConnection
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.engine.collect import until
from tests.engine.lines import ask_as, positions, read_as
from tests.fakes import DONE, FakeProvider
from tests.redis_server import RedisServer

LEASE_S = 2.0


@pytest.fixture
def pair(
    jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path, provider: FakeProvider, own_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Engine, Engine]]:  # fmt: skip
    """Two replicas that may ask the model two things at once, both together."""
    monkeypatch.setattr(admission, "LOOK_S", 0.1)
    monkeypatch.setattr(admission, "PRESENT_S", 0.2)
    prefix = f"{uuid.uuid4().hex}:"
    engines = []
    for _ in range(2):
        connection = RedisConnection(url=own_redis.url, prefix=prefix, log=logging.getLogger("replica"))
        line = Admission(
            RedisQueue(connection, LEASE_S),
            LocalQueue(mending_s=0),
            config=Config({"Admission": {"capacity": {"*": 2}}}),
        )
        engine = Engine(
            SqliteStore(tmp_path / "chats.sqlite3"), RedisBus(connection), RedisCache(connection), [provider],
            admission=line,
        )  # fmt: skip
        jp_asyncio_loop.run_until_complete(engine.start())
        engines.append(engine)
    yield engines[0], engines[1]
    for engine in engines:
        jp_asyncio_loop.run_until_complete(engine.stop())


def is_alone(engine: Engine) -> bool:
    return engine._admission._lines["fake/fake"].is_alone


async def test_owners_take_turns_over_replicas(pair: tuple[Engine, Engine], provider: FakeProvider) -> None:
    here, there = pair
    for n in range(4):
        await ask_as(pair[n % 2], "ada", f"ada {n}")
    last = await ask_as(there, "bob", "bob")
    reading = asyncio.create_task(read_as(there, "bob", last.run.id))
    await until(lambda: provider.active == 2)
    provider.say(*[(DONE,)] * 5)
    events = await reading
    assert (positions(events)[0], events[-1].state) == (1, "completed")
    await until(lambda: len(provider.requests) == 5)
    asked = [text_of(request.messages[-1].parts) for request in provider.requests]
    assert set(asked[:2]) == {"ada 0", "ada 1"}
    assert "bob" in asked[2:4]
    await until(lambda: not here.active_runs and not there.active_runs)
    await until(lambda: here._admission._watching is None and there._admission._watching is None)


async def test_a_redis_that_came_back_empty_knows_the_line_again(
    pair: tuple[Engine, Engine], own_redis: RedisServer, provider: FakeProvider
) -> None:
    here, there = pair
    await ask_as(here, "ada")
    await ask_as(there, "bob")
    waits = [await ask_as(pair[n % 2], "cy") for n in range(3)]
    await until(lambda: provider.active == 2)
    own_redis.restart()
    loop = asyncio.get_running_loop()
    healed = loop.time() + LEASE_S
    await until(lambda: loop.time() > healed and not is_alone(here) and not is_alone(there), 10)
    assert len(provider.requests) == 2
    assert (await ask_as(here, "dee")).run.state == "queued"
    provider.say(*[(DONE,)] * 6)
    await until(lambda: len(provider.requests) == 6, 10)
    assert (await read_as(there, "cy", waits[-1].run.id))[-1].state == "completed"


async def test_without_redis_each_admits_its_share_and_all_is_one_line_again_later(
    pair: tuple[Engine, Engine], own_redis: RedisServer, provider: FakeProvider
) -> None:
    await until(lambda: all(engine._admission._present == 2 for engine in pair))
    own_redis.kill()
    for engine in pair:
        first, second = await ask_as(engine, "ada"), await ask_as(engine, "ada")
        assert (first.run.state, second.run.state) == ("loading", "queued")
    await until(lambda: provider.active == 2)
    provider.say((DONE,))
    await until(lambda: len(provider.requests) == 3)
    own_redis.start()
    await until(lambda: not any(is_alone(engine) for engine in pair), 10)
    provider.say(*[(DONE,)] * 3)
    await until(lambda: len(provider.requests) == 4 and not any(engine.active_runs for engine in pair), 10)
