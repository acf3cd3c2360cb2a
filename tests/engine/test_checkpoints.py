"""DESIGN of a run, 4: text is in the store within a second; bounds; a store that is away."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_aichat.domain.part import text_of
from jupyter_aichat.engine import generation, instance, journal
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Again
from jupyter_aichat.errors import InvalidRequest, StoreUnavailable
from jupyter_aichat.providers.base import ToolCallChunk
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text, until
from tests.engine.faulty import FaultyStore
from tests.fakes import DONE, FakeProvider


async def test_text_is_in_the_store_within_a_second(engine: Engine, provider: FakeProvider) -> None:
    loop = asyncio.get_running_loop()
    sent, so_far = await ask(engine), ""
    for word in ("one ", "two ", "three "):
        provider.say(word)
        so_far += word
        said = loop.time()
        while text_of((await engine._store.get_message(OWNER, sent.reply.chat_id, sent.reply.id)).parts) != so_far:
            assert loop.time() - said < 1.3
            await asyncio.sleep(0.02)
    await engine.runs.stop(OWNER, sent.run.id)


async def test_all_runs_share_one_checkpoint_a_second(
    shaky: Engine, store: FaultyStore, provider: FakeProvider
) -> None:
    runs = [await ask(shaky) for _ in range(30)]
    for _ in range(12):
        provider.say(*["x"] * 30)
        await asyncio.sleep(0.1)
    assert store.asked["checkpoint"] <= 3
    assert store.asked["stop_requests"] <= 3
    for sent in runs:
        await shaky.runs.stop(OWNER, sent.run.id)


async def test_a_store_that_is_away_for_a_while_costs_nothing(
    shaky: Engine, store: FaultyStore, provider: FakeProvider
) -> None:
    sent = await ask(shaky)
    provider.say("before ")
    reading = asyncio.create_task(read(shaky, sent.run.id))
    store.away.add("*")
    provider.say("during ")
    asked = store.asked["checkpoint"]
    await until(lambda: store.asked["checkpoint"] > asked + 1)
    with pytest.raises(StoreUnavailable):
        await ask(shaky)
    provider.say("after", (DONE,))
    await until(lambda: store.asked["end_run"] >= 2)
    assert not reading.done()
    store.away.clear()
    events = await reading
    assert (end(events).state, text(events)) == ("completed", "before during after")
    assert text_of((await stored(shaky, sent.reply)).parts) == "before during after"


@pytest.mark.parametrize("why", ["too long away", "too much text"])
async def test_a_store_that_stays_away_ends_the_run_and_the_next_look_ends_it_in_the_store(
    shaky: Engine, store: FaultyStore, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(journal, "AWAY_S", 0.5 if why == "too long away" else 60)
    monkeypatch.setattr(journal, "AWAY_CHARACTERS", 1000)
    monkeypatch.setattr(generation, "_END_TRIES_S", (0.05, 0.05))
    monkeypatch.setattr(instance, "SWEEP_S", 1)
    sent = await ask(shaky)
    provider.say("kept ")
    await until(lambda: store.asked["checkpoint"])
    reading = asyncio.create_task(read(shaky, sent.run.id))
    store.away.add("*")
    provider.say("x" * (10 if why == "too long away" else 2000))
    events = await reading
    assert (end(events).state, provider.active) == ("interrupted", 0)
    await settled(shaky)
    store.away.clear()
    async with asyncio.timeout(15):
        while (reply := await stored(shaky, sent.reply)).status in ("pending", "streaming"):
            await asyncio.sleep(0.05)
    assert (reply.status, text_of(reply.parts)[:5]) == ("interrupted", "kept ")
    again = await shaky.runs.resume(OWNER, Again(reply.chat_id, reply.id))
    provider.say("on", (DONE,))
    assert text(await read(shaky, again.run.id)) == "kept on"


async def test_readers_of_an_answer_that_has_waited_long_enough_wait_no_longer_and_its_text_is_kept(
    shaky: Engine, store: FaultyStore, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told at once; the end is written, with all text, when the store is back."""
    monkeypatch.setattr(journal, "AWAY_CHARACTERS", 1000)
    sent = await ask(shaky)
    await until(lambda: provider.active == 1)
    reading = asyncio.create_task(read(shaky, sent.run.id))
    store.away.add("*")
    provider.say("x" * 2000)
    events = await asyncio.wait_for(reading, 2.5)
    assert (end(events).state, end(events).reason) == ("interrupted", "store_unavailable")
    store.away.clear()
    await settled(shaky)
    reply = await stored(shaky, sent.reply)
    assert (reply.status, reply.reason, text_of(reply.parts)) == ("interrupted", "store_unavailable", "x" * 2000)


async def test_a_run_can_be_stopped_while_the_store_is_away(
    shaky: Engine, store: FaultyStore, provider: FakeProvider
) -> None:
    sent = await ask(shaky)
    provider.say("x")
    await read(shaky, sent.run.id, until=3)
    store.away.add("*")
    await shaky.runs.stop(OWNER, sent.run.id)
    await until(lambda: provider.closed == 1, 1)
    store.away.clear()
    await settled(shaky)
    assert (await stored(shaky, sent.reply)).status == "stopped"


async def test_an_end_that_the_store_refuses_is_no_endless_run(
    shaky: Engine, store: FaultyStore, provider: FakeProvider
) -> None:
    sent = await ask(shaky)
    store.error = InvalidRequest("The text is bad.")
    store.away.add("end_run")
    provider.say("x", (DONE,))
    assert end(await read(shaky, sent.run.id)).state == "interrupted"
    await settled(shaky)
    store.away.clear()
    for _ in range(2):
        await shaky._instance._sweeper.look_at_own()
    assert (await stored(shaky, sent.reply)).status == "interrupted"


async def test_a_continued_answer_has_one_bound(
    engine: Engine, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "MAX_CHARACTERS", 1000)
    sent = await ask(engine)
    provider.say("x" * 900, None)
    await settled(engine)
    again = await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
    provider.say("y" * 200)
    events = await read(engine, again.run.id)
    assert (end(events).state, end(events).reason) == ("stopped", "too_long")


async def test_tool_calls_without_end_are_bounded_too(
    engine: Engine, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "MAX_CHARACTERS", 1000)
    sent = await ask(engine)
    provider.say(*[(ToolCallChunk("c", "f", {"x": "y" * 100}),)] * 20)
    events = await read(engine, sent.run.id)
    assert (end(events).state, end(events).reason) == ("stopped", "too_long")
