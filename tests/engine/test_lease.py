"""DESIGN of a run, 8: who cannot be sure of its runs lets go of them; who finds itself deposed loses no reader."""

from __future__ import annotations

import asyncio
import time

import pytest

from jupyter_aichat.domain.event import Snapshot
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.domain.run import epoch_of
from jupyter_aichat.engine import generation, takeover
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.lease import LEASE_S, Lease
from jupyter_aichat.errors import NotReady
from jupyter_aichat.providers.base import TextChunk, ThinkingChunk
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text, until
from tests.engine.conftest import Replicas
from tests.fakes import DONE, FakeProvider


def lapse(engine: Engine) -> None:
    """Let the lease lapse now: the last beat that succeeded was long ago."""
    engine._lease._until = time.monotonic() - 1
    engine._lease._look()


async def test_who_has_not_beaten_for_six_seconds_closes_upstream(replicas: Replicas, provider: FakeProvider) -> None:
    """By the clock of the beats that succeeded, whatever else hangs."""
    first = replicas.engines[0]
    sent = await ask(first)
    provider.say("mine")
    await replicas.until_logged(sent, "mine")
    replicas.store(first).beats = False
    begun = time.monotonic()
    await until(lambda: provider.closed == 1, 7)
    assert 3.9 < time.monotonic() - begun < 6.2
    assert first.active_runs == 0
    with pytest.raises(NotReady):
        await ask(first)


async def test_a_slow_beat_counts_from_its_beginning() -> None:
    lapsed = asyncio.Event()
    held = Lease(lapsed.set)
    sure = [held.held]
    held.renew(time.monotonic() - LEASE_S + 0.2)
    sure.append(held.held)
    await asyncio.wait_for(lapsed.wait(), 0.5)
    sure.append(held.held)
    held.renew(time.monotonic())
    sure.append(held.held)
    held.stop()
    assert sure == [True, True, False, True]


async def test_a_lease_that_lapsed_unseen_is_not_renewed_in_silence() -> None:
    """A beat may succeed before the timer had its turn; the runs may have been taken meanwhile."""
    lapses: list[None] = []
    held = Lease(lambda: lapses.append(None))
    held.renew(time.monotonic())
    held._until = time.monotonic() - 1
    held.renew(time.monotonic())
    held.stop()
    assert len(lapses) == 1
    assert held.held


async def test_nothing_is_ended_and_readers_go_on_from_the_new_owner(
    replicas: Replicas, provider: FakeProvider
) -> None:
    first, second, third = replicas.engines
    sent = await ask(first)
    readers = [asyncio.create_task(read(engine, sent.run.id)) for engine in (first, first, third)]
    provider.say("before ")
    await replicas.until_logged(sent, "before ")
    replicas.store(first).beats = False
    lapse(first)
    await until(lambda: provider.closed == 1, 0.5)
    assert (await stored(second, sent.reply)).status in ("pending", "streaming")
    replicas.dead[first._instance._id] = 8.0
    await until(lambda: len(provider.requests) == 2)
    provider.say("after", (DONE,))
    for events in await asyncio.gather(*readers):
        assert (text(events), end(events).state) == ("before after", "completed")
        assert [epoch_of(seq) for seq, event in events if isinstance(event, Snapshot)] == [2]
    await until(lambda: not first._workers._parked, 7)


async def test_who_was_paused_and_wakes_appends_nothing(replicas: Replicas, provider: FakeProvider) -> None:
    """Its lease has lapsed while it slept: not a byte of what it had in hand goes out."""
    first, second, _ = replicas.engines
    sent = await ask(first)
    provider.say("before ")
    await replicas.until_stored(sent, "before ")
    live = first._workers.find(sent.run.id)
    assert live is not None
    replicas.store(first).beats = False
    live._add("text", "in hand")
    live.flush()  # noted, and due with the next tick
    first._lease._until = time.monotonic() - 1  # as after SIGCONT; the timer has had no turn yet
    await asyncio.sleep(0.1)
    assert not any(b"in hand" in entry.data for entry in replicas.bus.appended)
    lapse(first)
    replicas.dead[first._instance._id] = 20.0
    await until(lambda: len(provider.requests) == 2 and provider.active == 1)
    provider.say("after", (DONE,))
    events = await read(second, sent.run.id, None)
    assert (text(events), end(events).state) == ("before after", "completed")


async def test_who_is_still_the_owner_after_all_goes_on(replicas: Replicas, provider: FakeProvider) -> None:
    """The store was away for everybody: nobody has taken the run, and nothing of its text is lost, logged or not."""
    first, second, third = replicas.engines
    sent = await ask(first)
    reading = asyncio.create_task(read(first, sent.run.id))
    provider.say("stored ")
    await replicas.until_stored(sent, "stored ")
    for engine in (first, second, third):
        replicas.store(engine).away = True
    replicas.bus.away = True
    provider.say("in memory ")
    live = first._workers.find(sent.run.id)
    assert live is not None
    await until(lambda: live.size == len("stored in memory "))
    lapse(first)
    await until(lambda: provider.closed == 1)
    for engine in (first, second, third):
        replicas.store(engine).away = False
    replicas.bus.away = False
    await until(lambda: len(provider.requests) == 2, 8)
    assert text_of(provider.requests[-1].messages[-1].parts) == "stored in memory "
    provider.say("and on", (DONE,))
    events = await reading
    assert (text(events), end(events).state) == ("stored in memory and on", "completed")
    assert (await stored(second, sent.reply)).status == "completed"
    assert first._workers._parked == {}


async def test_after_a_minute_without_the_store_an_answer_is_interrupted_with_all_its_text(
    replicas: Replicas, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = replicas.engines
    monkeypatch.setattr(takeover, "GONE_S", 0.3)
    sent = await ask(first)
    reading = asyncio.create_task(read(first, sent.run.id))
    provider.say("all")
    await replicas.until_logged(sent, "all")
    for engine in replicas.engines:
        replicas.store(engine).away = True
    lapse(first)
    await asyncio.sleep(0.4)
    for engine in replicas.engines:
        replicas.store(engine).away = False
    events = await reading
    assert (text(events), end(events).state, end(events).reason) == ("all", "interrupted", "store_unavailable")
    assert text_of((await stored(second, sent.reply)).parts) == "all"
    assert len(provider.requests) == 1


async def test_an_end_that_could_not_be_written_is_written_when_the_store_is_back(
    replicas: Replicas, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was complete is complete; nobody is asked again, and readers are told nothing before it is true."""
    monkeypatch.setattr(generation, "_END_TRIES_S", (0.05, 0.05))
    first, second, third = replicas.engines
    sent = await ask(first)
    reading = asyncio.create_task(read(first, sent.run.id))
    provider.say((ThinkingChunk("hm"),), "all")
    await replicas.until_logged(sent, "all")
    for engine in (first, second, third):
        replicas.store(engine).away = True
    provider.say((DONE,))
    await settled(first)
    lapse(first)
    assert not reading.done()
    for engine in (first, second, third):
        replicas.store(engine).away = False
    events = await reading
    assert (text(events), end(events).state, end(events).reason) == ("all", "completed", "stop")
    reply = await stored(second, sent.reply)
    assert reply.usage is not None
    assert (reply.status, text_of(reply.parts), reply.usage.completion_tokens) == ("completed", "all", 1)
    assert len(provider.requests) == 1


async def test_who_is_deposed_is_told_by_the_log_and_lets_go(replicas: Replicas, provider: FakeProvider) -> None:
    """A higher epoch has written: its next append is refused, the store confirms it, and its readers go on there."""
    first, second, _ = replicas.engines
    sent = await ask(first)
    reading = asyncio.create_task(read(first, sent.run.id))
    provider.say("mine ")
    await replicas.until_logged(sent, "mine ")
    record = await second._store.get_run(OWNER, sent.run.id)
    assert await second._instance._sweeper._takeover.take(record, 8.0, "server_restarted")
    await until(lambda: provider.active == 2)
    live = first._workers.find(sent.run.id)
    assert live is not None
    live.feed([TextChunk("late")])
    await until(lambda: provider.active == 1, 2)
    assert (first.active_runs, second.active_runs) == (0, 1)
    provider.say("theirs", (DONE,))
    events = await reading
    assert (text(events), end(events).state) == ("mine theirs", "completed")
    assert "late" not in text_of((await stored(second, sent.reply)).parts)


async def test_who_is_deposed_is_told_by_its_checkpoint_too(replicas: Replicas, provider: FakeProvider) -> None:
    first, second, _ = replicas.engines
    sent = await ask(first)
    reading = asyncio.create_task(read(first, sent.run.id))
    provider.say("mine ")
    await replicas.until_stored(sent, "mine ")
    claimed = await second._store.claim(OWNER, sent.run.id, 1, second._instance._id)
    assert claimed is not None
    provider.say("late ")
    await until(lambda: provider.closed == 1, 2)
    assert (await stored(second, sent.reply)).status == "streaming"
    assert not reading.done()
    reading.cancel()
