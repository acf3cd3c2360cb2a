"""DESIGN of a run, 11: a bus that fails or forgets costs nobody any text; its logs begin anew by themselves."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_aichat.domain.event import Snapshot, decode_event
from jupyter_aichat.domain.part import text_of
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text, until
from tests.engine.conftest import Replicas
from tests.fakes import DONE, FakeProvider


@pytest.mark.parametrize("fault", ["away", "emptied"])
async def test_a_torn_log_begins_anew_with_a_snapshot(replicas: Replicas, provider: FakeProvider, fault: str) -> None:
    first, _, third = replicas.engines
    sent = await ask(first)
    here = asyncio.create_task(read(first, sent.run.id))
    there = asyncio.create_task(read(third, sent.run.id))
    provider.say("one ")
    await replicas.until_logged(sent, "one ")
    if fault == "away":
        replicas.bus.away = True
        provider.say("two ")
        await until(lambda: first._journal._torn)
        replicas.bus.away = False
    else:
        replicas.bus.empty()
        provider.say("two ")
    await until(lambda: any(b'"snapshot"' in entry.data for entry in replicas.bus.appended))
    anew = next(entry for entry in replicas.bus.appended if b'"snapshot"' in entry.data)
    event = decode_event(anew.data)
    assert isinstance(event, Snapshot)
    assert (anew.begins, text_of(event.message.parts)) == (True, "one two ")
    assert not first._journal._torn
    provider.say("three", (DONE,))
    for events in await asyncio.gather(here, there):
        assert (text(events), end(events).state) == ("one two three", "completed")
    assert not any(isinstance(event, Snapshot) for _, event in await here)


async def test_nothing_piles_up_while_the_bus_is_away(replicas: Replicas, provider: FakeProvider) -> None:
    first = replicas.engines[0]
    sent = await ask(first)
    replicas.bus.away = True
    for _ in range(30):
        provider.say("x" * 1000)
        await asyncio.sleep(0.03)
    assert first._journal._batch is None
    provider.say((DONE,))
    assert end(await read(first, sent.run.id)).state == "completed"
    await settled(first)
    await until(lambda: not first._journal._torn)
    replicas.bus.away = False
    assert text_of((await stored(first, sent.reply)).parts) == "x" * 30_000


async def test_an_answer_that_ends_while_its_log_is_torn_is_whole_elsewhere(
    replicas: Replicas, provider: FakeProvider
) -> None:
    first, _, third = replicas.engines
    sent = await ask(first)
    there = asyncio.create_task(read(third, sent.run.id))
    provider.say("one ")
    await replicas.until_logged(sent, "one ")
    replicas.bus.empty()
    provider.say("two ")
    await until(lambda: first._journal._torn)
    provider.say("three", (DONE,))
    events = await there
    assert (text(events), end(events).state) == ("one two three", "completed")


async def test_the_log_is_trimmed_to_the_checkpoint(replicas: Replicas, provider: FakeProvider) -> None:
    first = replicas.engines[0]
    trimmed: dict[str, int] = {}

    async def trim(upto: dict[str, int]) -> None:
        trimmed.update(upto)

    replicas.bus.trim = trim  # type: ignore[method-assign, assignment]
    sent = await ask(first)
    provider.say("one ")
    await replicas.until_stored(sent, "one ")
    await until(lambda: trimmed)
    assert trimmed == {sent.run.id: (1 << 32) + 3}


async def test_a_stop_arrives_without_the_bus(replicas: Replicas, provider: FakeProvider) -> None:
    first, second, _ = replicas.engines
    replicas.bus.deaf = True
    sent = await ask(first)
    await until(lambda: provider.active == 1)
    for _ in range(2):
        await second.runs.stop(OWNER, sent.run.id)
    await until(lambda: provider.closed == 1, 1.5)
    await settled(first)
    assert (await second.runs.stop(OWNER, sent.run.id)).state == "stopped"
    assert (await first.runs.stop(OWNER, sent.run.id)).state == "stopped"


@pytest.mark.parametrize("said", ["", "text"])
async def test_a_delete_arrives_without_the_bus(replicas: Replicas, provider: FakeProvider, said: str) -> None:
    """Also of a run that says nothing, whose checkpoints tell nothing."""
    first, second, _ = replicas.engines
    replicas.bus.deaf = True
    sent = await ask(first)
    reading = asyncio.create_task(read(first, sent.run.id))
    await until(lambda: provider.active == 1)
    await second.chats.delete(OWNER, sent.reply.chat_id)
    if said:
        provider.say(said)
    await until(lambda: provider.closed == 1, 1.5 if said else 6)
    assert end(await reading).reason == "deleted"
