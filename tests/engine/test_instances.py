"""DESIGN of a run, 7 and 8, between processes on one file: stops, deletes and changes arrive; the dead are cleared up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import ChatChanges
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Again, NewChat
from jupyter_aichat.errors import NotFound, NotReady
from jupyter_aichat.stores.records import CopyNote
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text, until
from tests.engine.faulty import FaultyStore
from tests.fakes import DONE, FakeProvider


async def die(engine: Engine) -> None:
    """Let go of everything at once, as a killed process does; nothing is written any more."""
    for worker in tuple(engine._workers._workers.values()):
        assert worker.task is not None
        worker.wanted.cancel()
        worker.task.cancel()
    for task in engine._instance._tasks:
        task.cancel()
    assert isinstance(engine._store, SqliteStore)
    await asyncio.to_thread(engine._store._locks.close)


async def test_a_stop_reaches_the_process_that_generates(engine: Engine, other: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("x")
    await read(engine, sent.run.id, until=3)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    run = await other.runs.stop(OWNER, sent.run.id)
    assert not run.ended
    await until(lambda: provider.active == 0)
    assert loop.time() - begun < 1.5
    await settled(engine)
    assert (await other.runs.stop(OWNER, sent.run.id)).state == "stopped"


async def test_a_delete_reaches_the_process_that_generates(
    engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    sent = await ask(engine)
    reading = asyncio.create_task(read(engine, sent.run.id))
    await until(lambda: provider.active == 1)
    await other.chats.delete(OWNER, sent.reply.chat_id)
    assert end(await reading).reason == "deleted"
    assert provider.active == 0
    with pytest.raises(NotFound):
        await engine.chats.get(OWNER, sent.reply.chat_id)


async def test_changes_of_one_process_are_heard_in_the_other(
    engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    heard: list[Change] = []
    other.watch(OWNER, heard.append)
    chat = await engine.chats.create(OWNER, NewChat())
    sent = await ask(engine, chat=chat.id)
    await engine.chats.change(OWNER, chat.id, ChatChanges(title="t"))
    provider.say((DONE,))
    await settled(engine)
    await engine.chats.delete(OWNER, chat.id)
    await until(lambda: len(heard) >= 4, 3)
    assert [change.change for change in heard] == ["created", "message", "updated", "deleted"]
    assert heard[1].run_id == sent.run.id


async def test_what_a_dead_process_wrote_is_interrupted_and_can_be_continued(
    engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    heard: list[Change] = []
    other.watch(OWNER, heard.append)
    dead = await ask(engine)
    provider.say("saved ")
    await read(engine, dead.run.id, until=3)
    mine = await ask(other)
    async with asyncio.timeout(5):
        while not (await other._store.progress(OWNER, dead.run.id, 0)).segments:
            await asyncio.sleep(0.05)
    following = asyncio.create_task(read(other, dead.run.id))
    await die(engine)
    events = await asyncio.wait_for(following, 7)
    assert (text(events), end(events).state, end(events).reason) == ("saved ", "interrupted", "server_restarted")
    reply = await stored(other, dead.reply)
    assert (reply.status, text_of(reply.parts)) == ("interrupted", "saved ")
    assert any(change.run_id == dead.run.id for change in heard)
    assert (await other.runs.get(OWNER, mine.run.id)).state == "loading"  # who lives is left alone
    await other.runs.stop(OWNER, mine.run.id)
    await settled(other)
    again = await other.runs.resume(OWNER, Again(reply.chat_id, reply.id))
    provider.say("and more", (DONE,))
    assert text(await read(other, again.run.id)) == "saved and more"


async def test_what_was_to_stop_when_its_process_died_is_stopped(
    engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    sent = await ask(engine)
    await until(lambda: provider.active == 1)
    await die(engine)
    await other.runs.stop(OWNER, sent.run.id)
    await other._instance._sweep()
    run = await other.runs.get(OWNER, sent.run.id)
    assert (run.state, run.reason) == ("stopped", "user")


async def test_two_that_clear_up_at_once_end_it_once(
    engine: Engine, other: Engine, shaky: Engine, provider: FakeProvider
) -> None:
    sent = await ask(engine)
    await until(lambda: provider.active == 1)
    await die(engine)
    await asyncio.gather(other._instance._sweep(), shaky._instance._sweep())
    record = await other._store.get_run(OWNER, sent.run.id)
    assert (record.run.state, record.epoch) == ("interrupted", 2)
    assert await other._store.lapsed(other._instance._id) == ()


async def test_a_process_that_stops_leaves_nothing_to_clear_up(
    engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    sent = await ask(engine)
    provider.say("half")
    await read(engine, sent.run.id, until=3)
    await engine.stop()
    reply = await stored(other, sent.reply)
    assert (reply.status, reply.reason, text_of(reply.parts)) == ("interrupted", "server_stopping", "half")
    assert await other._store.lapsed(other._instance._id) == ()


async def test_an_end_that_could_not_be_written_at_the_stop_is_written_by_the_next(
    shaky: Engine, store: FaultyStore, other: Engine, provider: FakeProvider
) -> None:
    sent = await ask(shaky)
    provider.say("half")
    async with asyncio.timeout(5):
        while not (await other._store.progress(OWNER, sent.run.id, 0)).segments:
            await asyncio.sleep(0.05)
    store.away.add("*")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await shaky.stop(grace_s=0.3)
    assert loop.time() - begun < 2
    await other._instance._sweep()
    reply = await stored(other, sent.reply)
    assert (reply.status, text_of(reply.parts)) == ("interrupted", "half")


async def test_a_fault_of_the_store_ends_no_heartbeat(
    shaky: Engine, store: FaultyStore, other: Engine, provider: FakeProvider
) -> None:
    store.away.update({"stop_requests", "changes", "lapsed"})
    await asyncio.sleep(1.2)
    sent = await ask(shaky)
    await other.runs.stop(OWNER, sent.run.id)
    store.away.clear()
    await until(lambda: shaky.active_runs == 0)
    assert (await stored(other, sent.reply)).status == "stopped"


async def test_nothing_starts_on_half_a_copy(tmp_path: Path, provider: FakeProvider) -> None:
    store = SqliteStore(tmp_path / "copied.sqlite3")
    await store.open()
    engine = Engine(SqliteStore(tmp_path / "copied.sqlite3"), LocalBus(), LocalCache(), [provider])
    await store.records.note_copy(CopyNote("elsewhere", False))
    with pytest.raises(NotReady, match="not whole"):
        await engine.start()
    assert not await store.records.in_use(), "or the copy could not be made again"
    await store.records.note_copy(CopyNote("elsewhere", True))
    await engine.start()
    await engine.stop()
    await store.close()
