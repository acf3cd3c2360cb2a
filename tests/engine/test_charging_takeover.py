"""A run that another replica goes on with: held all the while, and charged once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.ids import InstanceId
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.errors import QuotaExceeded
from jupyter_aichat.limits.quotas import Ledger, Quotas
from jupyter_aichat.providers.base import FinishedChunk
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.engine.collect import OWNER, ask, read, settled, until
from tests.engine.replicas import ReplicaStore, SharedBus, kill
from tests.fakes import FakeProvider

Pair = tuple[Engine, Engine, dict[InstanceId, float | None], SqliteStore]


class EndingStore(ReplicaStore):
    """One on which nobody goes on with a dead process's runs, as on SQLite."""

    takes_over = False


@pytest.fixture(params=[ReplicaStore])
def pair(
    jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path, provider: FakeProvider, request: pytest.FixtureRequest
) -> Iterator[Pair]:
    """Two replicas in which everybody has a thousand tokens a day, those that are dead, and the second one's store."""
    cache, bus, dead = LocalCache(), SharedBus(), dict[InstanceId, float | None]()
    engines: list[Engine] = []
    stores = [SqliteStore(tmp_path / "chats.sqlite3") for _ in range(2)]
    for store in stores:
        quotas = Quotas(Ledger(cache, store.usage, store.accounts), rules=[{"tokens_per_day": 1000}])
        replica = cast("Store", request.param(store, dead))
        engines.append(Engine(replica, bus, LocalCache(), [provider], quotas=quotas))
        jp_asyncio_loop.run_until_complete(engines[-1].start())
    yield engines[0], engines[1], dead, stores[1]
    for engine in engines:
        jp_asyncio_loop.run_until_complete(engine.stop())


async def test_a_run_that_goes_on_elsewhere_is_held_all_the_while_and_charged_once(
    pair: Pair, provider: FakeProvider
) -> None:
    first, second, dead, store = pair
    await ask(first)
    provider.say("begun ")
    await until(lambda: provider.active == 1)
    await kill(first, dead)
    await until(lambda: second.active_runs == 1 and len(provider.requests) == 2)
    with pytest.raises(QuotaExceeded):
        await ask(second)
    provider.say((FinishedChunk("stop", Usage(prompt_tokens=30, completion_tokens=20)),))
    await settled(second)
    (record,) = await store.usage.used(OWNER, "")
    assert (record.prompt_tokens, record.completion_tokens, record.runs) == (30, 20, 1)
    sent = await ask(second)
    await second.runs.stop(OWNER, sent.run.id)


@pytest.mark.parametrize("pair", [EndingStore], indirect=True)
@pytest.mark.parametrize("said", ["y" * 360, ""])
async def test_a_run_that_ends_because_its_process_died_costs_what_it_had_said(
    pair: Pair, provider: FakeProvider, said: str
) -> None:
    first, second, dead, store = pair
    sent = await ask(first)
    await until(lambda: provider.active == 1)
    if said:
        provider.say(said)
        await read(first, sent.run.id, until=3)
        await first._journal.checkpoint(list(first._workers))
    await kill(first, dead)
    await second._instance._sweeper.look_at_others()
    assert (await store.get_run(OWNER, sent.run.id)).run.state == "interrupted"
    await second._instance._sweeper.look_at_others()
    charged = [(each.prompt_tokens, each.completion_tokens, each.runs) for each in await store.usage.used(OWNER, "")]
    assert charged == ([(0, 100, 1)] if said else [])
