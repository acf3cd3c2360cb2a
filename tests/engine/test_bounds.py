"""What runs leave in memory, and what a token costs, does not grow: neither with their number nor with the history."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Sequence

import pytest

from jupyter_aichat.bus.base import Appended, Entry
from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.engine import live
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.live import LiveRun
from jupyter_aichat.providers.base import TextChunk
from tests.engine.collect import OWNER, ask, read, settled, until
from tests.engine.faulty import FaultyStore
from tests.fakes import DONE, FakeProvider


def registries(engine: Engine) -> dict[str, int]:
    """Everything that is kept by run, reader or watcher."""
    workers, journal, bus = engine._workers, engine._journal, engine._bus
    assert isinstance(bus, LocalBus)
    return {
        "workers": len(workers._workers), "ended": len(workers._ended), "tasks": len(workers._tasks),
        "segments": len(journal._segments), "torn": len(journal._torn), "parked": len(workers._parked),
        "watchers": len(engine._owners._watchers),
        "logs": len(bus._logs), "expiring": len(bus._expiring),
    }  # fmt: skip


async def test_after_1_000_runs_nothing_is_kept(engine: Engine, provider: FakeProvider) -> None:
    assert isinstance(engine._bus, LocalBus)
    engine._bus._expire_s = 0.05
    before = registries(engine)
    tasks = len(asyncio.all_tasks())
    for _ in range(20):
        forget = engine.watch(OWNER, lambda change: None)
        sent = await asyncio.gather(*(ask(engine) for _ in range(50)))
        reading = [asyncio.create_task(read(engine, each.run.id)) for each in sent[:10]]
        provider.say(*[(*[], DONE)] * 50)
        await asyncio.gather(*reading)
        await asyncio.gather(*(engine.runs.stop(OWNER, each.run.id) for each in sent[40:]))
        await engine.chats.delete(OWNER, sent[0].reply.chat_id)
        await settled(engine)
        forget()
    await until(lambda: registries(engine) == before)
    assert len(asyncio.all_tasks()) <= tasks


async def test_an_ended_run_is_let_go_also_while_others_go_on(
    engine: Engine, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer that streams on and on, over a bus that takes its time, must not hold all that end meanwhile."""
    append = engine._bus.append

    async def slow(entries: Sequence[Entry]) -> Appended:
        await asyncio.sleep(0.01)
        return await append(entries)

    monkeypatch.setattr(engine._bus, "append", slow)
    monkeypatch.setattr(live, "COALESCE_S", 0.0)
    endless = await ask(engine)
    talking = True

    async def talk() -> None:
        log = engine._workers.find(endless.run.id)
        assert log is not None
        while talking:
            log.feed([TextChunk("x")])
            await asyncio.sleep(0.003)

    babble = asyncio.create_task(talk())
    await until(lambda: provider.active == 1)
    ended: list[weakref.ref[LiveRun]] = []
    for _ in range(20):
        sent = await ask(engine)
        run = engine._workers.find(sent.run.id)
        assert run is not None
        ended.append(weakref.ref(run))
        del run
        await engine.runs.stop(OWNER, sent.run.id)
    await until(lambda: engine.active_runs == 1)
    await until(lambda: not engine._workers._ended, 2)
    gc.collect()
    assert not [ref for ref in ended if ref() is not None]
    talking = False
    await babble
    await engine.runs.stop(OWNER, endless.run.id)


@pytest.mark.parametrize("history", [1, 60])
async def test_what_a_token_costs_does_not_depend_on_the_history(
    shaky: Engine, store: FaultyStore, provider: FakeProvider, history: int
) -> None:
    """Counted: questions to the store, and events, for the same answer."""
    sent = await ask(shaky)
    provider.say("x" * 1000, (DONE,))
    await settled(shaky)
    for _ in range(history):
        sent = await ask(shaky, chat=sent.reply.chat_id)
        provider.say("x" * 1000, (DONE,))
        await settled(shaky)
    store.asked.clear()
    sent = await ask(shaky, chat=sent.reply.chat_id)
    await until(lambda: provider.active == 1)
    at_start = sum(store.asked.values())
    assert at_start <= 8
    for _ in range(40):
        provider.say("token ")
        await asyncio.sleep(0.002)
    provider.say((DONE,))
    events = await read(shaky, sent.run.id)
    assert len(events) <= 12
    background = store.asked["changes"] + store.asked["stop_requests"] + store.asked["lapsed"] + store.asked["orphans"]
    assert sum(store.asked.values()) - at_start - background <= 3
