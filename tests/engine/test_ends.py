"""DESIGN of a run, 5 and 7: one end, whoever comes first; a stop closes upstream at once, whenever it comes."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_aichat.domain.event import RunFinished
from jupyter_aichat.domain.model import ModelSetup
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.domain.run import RunEnd
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.errors import NotFound
from jupyter_aichat.providers.base import ChatRequest, Hear
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text, until
from tests.fakes import DONE, MODEL, FakeProvider


async def test_a_stop_and_a_completion_at_once_make_one_end(engine: Engine, provider: FakeProvider) -> None:
    """Readers, run and message agree, however close they come."""
    states = set()
    for n in range(120):
        sent = await ask(engine)
        reading = asyncio.create_task(read(engine, sent.run.id))
        provider.say("a")
        stops = [asyncio.create_task(engine.runs.stop(OWNER, sent.run.id)) for _ in range(1 + n % 3)]
        for _ in range(n % 5):
            await asyncio.sleep(0)
        await asyncio.sleep((n % 24) * 0.0003)  # a stop takes the time of a flush to the disk
        provider.say("b", (DONE,))
        await asyncio.gather(*stops)
        events = await reading
        assert sum(isinstance(event, RunFinished) for _, event in events) == 1
        await settled(engine)
        run, reply = await engine.runs.get(OWNER, sent.run.id), await stored(engine, sent.reply)
        assert end(events).state == run.state == reply.status
        assert end(events).reason == run.reason
        assert text(events) == text_of(reply.parts)
        states.add(run.state)
        while not provider._steps.empty():
            provider._steps.get_nowait()
    assert states == {"stopped", "completed"}


async def test_who_loses_the_end_reports_what_won(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("mine")
    await read(engine, sent.run.id, until=3)
    claimed = await engine._store.claim(OWNER, sent.run.id, 1, engine._instance._id)
    assert claimed is not None
    await engine._store.end_run(OWNER, sent.run.id, 2, RunEnd("interrupted", "server_restarted", seq=(2 << 32) + 1))
    provider.say((DONE,))
    events = await read(engine, sent.run.id)
    assert (end(events).state, end(events).reason) == ("interrupted", "server_restarted")
    assert (await stored(engine, sent.reply)).status == "interrupted"


async def test_who_was_deposed_tells_no_end_of_its_own(engine: Engine, provider: FakeProvider) -> None:
    """Another process has the run, and has not ended it yet: readers hear from that one."""
    sent = await ask(engine)
    provider.say("mine")
    reading = asyncio.create_task(read(engine, sent.run.id))
    await read(engine, sent.run.id, until=3)
    assert await engine._store.claim(OWNER, sent.run.id, 1, engine._instance._id) is not None
    provider.say((DONE,))
    await settled(engine)
    assert not reading.done()
    theirs = RunEnd("stopped", "user", parts=(TextPart("mine and more"),), seq=(2 << 32) + 9)
    await engine._store.end_run(OWNER, sent.run.id, 2, theirs)
    events = await reading
    assert (end(events).state, end(events).reason, text(events)) == ("stopped", "user", "mine and more")


async def test_who_ends_alike_but_later_reports_the_reason_that_won(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("mine")
    await read(engine, sent.run.id, until=3)
    await engine._store.end_run(OWNER, sent.run.id, 1, RunEnd("interrupted", "server_stopping", seq=(1 << 32) + 9))
    provider.say(None)
    assert end(await read(engine, sent.run.id)).reason == "server_stopping"


@pytest.mark.parametrize("moment", ["at once", "before the first token", "in the middle", "in a flood"])
async def test_stop_closes_upstream_within_a_second(engine: Engine, provider: FakeProvider, moment: str) -> None:
    sent = await ask(engine)
    if moment != "at once":
        await until(lambda: provider.active == 1)
    if moment == "in the middle":
        provider.say("x")
        await read(engine, sent.run.id, until=3)
    if moment == "in a flood":
        provider.say(*["x" * 100] * 20_000)
        await read(engine, sent.run.id, until=3)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await engine.runs.stop(OWNER, sent.run.id)
    await until(lambda: engine.active_runs == 0 and provider.active == 0)
    assert loop.time() - begun < 1
    assert (await stored(engine, sent.reply)).status == "stopped"


async def test_stop_while_the_model_is_looked_up(engine: Engine, provider: FakeProvider) -> None:
    """The setup of a model may take as long as its server wants."""
    asked = asyncio.Event()

    async def setup(model: object) -> ModelSetup:
        asked.set()
        await asyncio.Event().wait()
        return ModelSetup(MODEL, 1000)

    provider.setup = setup  # type: ignore[method-assign]
    sent = await ask(engine)
    await asyncio.wait_for(asked.wait(), 5)
    await engine.runs.stop(OWNER, sent.run.id)
    await settled(engine)
    assert (await stored(engine, sent.reply)).status == "stopped"
    assert provider.requests == []


async def test_a_provider_that_is_slow_to_close_keeps_nobody_from_ending(
    engine: Engine, provider: FakeProvider
) -> None:
    """The generator's own `finally` runs inside the run's task; its end is written when that is through."""
    closed = asyncio.Event()

    async def chat(request: ChatRequest, hear: Hear) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)
            closed.set()

    provider.chat = chat  # type: ignore[method-assign]
    sent = await ask(engine)
    await asyncio.sleep(0.05)
    await engine.runs.stop(OWNER, sent.run.id)
    await settled(engine)
    assert closed.is_set()
    assert (await stored(engine, sent.reply)).status == "stopped"


async def test_stopped_text_does_not_grow_back(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("kept")
    await read(engine, sent.run.id, until=3)
    await engine.runs.stop(OWNER, sent.run.id)
    await settled(engine)
    before = await stored(engine, sent.reply)
    provider.say(" more", (DONE,))
    await asyncio.sleep(1.2)  # a checkpoint later
    assert await stored(engine, sent.reply) == before


async def test_deleting_and_generating_at_once_leaves_nothing(engine: Engine, provider: FakeProvider) -> None:
    for n in range(40):
        sent = await ask(engine)
        provider.say(*["x"] * (n % 5))
        deleting = asyncio.create_task(engine.chats.delete(OWNER, sent.reply.chat_id))
        for _ in range(n % 7):
            await asyncio.sleep(0)
        provider.say((DONE,))
        await deleting
        await settled(engine)
        with pytest.raises(NotFound):
            await engine.chats.get(OWNER, sent.reply.chat_id)
        with pytest.raises(NotFound):
            await engine.runs.get(OWNER, sent.run.id)
        while not provider._steps.empty():
            provider._steps.get_nowait()
    assert provider.active == 0
