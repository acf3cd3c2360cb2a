"""DESIGN of a run, 6: a reader comes back with its place and gets the rest in order, once; a slow one costs nobody."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_aichat.bus import local
from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.event import Event, RunFinished, Snapshot, TextDelta, decode_event
from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.domain.run import RunEnd, seq_of
from jupyter_aichat.engine import live
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Again
from jupyter_aichat.providers.base import Chunk, TextChunk, ThinkingChunk
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text, until
from tests.fakes import DONE, FakeProvider

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
chunks = st.lists(st.one_of(st.builds(TextChunk, words), st.builds(ThinkingChunk, words)), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None)
@given(said=chunks, cuts=st.lists(st.integers(0, 20), max_size=4))
def test_whatever_the_places_where_a_reader_breaks_off_it_gets_each_event_once(
    said: list[Chunk], cuts: list[int]
) -> None:
    async def play(folder: Path) -> None:
        provider = FakeProvider()
        engine = Engine(SqliteStore(folder / "chats.sqlite3"), LocalBus(), LocalCache(), [provider])
        await engine.start()
        try:
            sent = await ask(engine)
            whole = asyncio.create_task(read(engine, sent.run.id))
            breaking = asyncio.create_task(_in_pieces(engine, sent.run.id, cuts))
            for chunk in said:
                provider.say((chunk,))
                await asyncio.sleep(0)
            provider.say((DONE,))
            assert await breaking == await whole
            for n in range(len(await whole)):
                assert await read(engine, sent.run.id, (await whole)[n][0]) == (
                    (await whole)[n + 1 :] or (await whole)[n:]
                )
        finally:
            await engine.stop()

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(live, "COALESCE_S", 0.0)
        asyncio.run(play(Path(folder)))


async def _in_pieces(engine: Engine, run_id: RunId, cuts: list[int]) -> list[tuple[int, Event]]:
    """Read some events, break off, come back with the place, and so on to the end."""
    seen: list[tuple[int, Event]] = []
    for cut in cuts:
        if cut and not (seen and isinstance(seen[-1][1], RunFinished)):
            seen += (await read(engine, run_id, seen[-1][0] if seen else 0, until=cut))[:cut]
    if not (seen and isinstance(seen[-1][1], RunFinished)):
        seen += await read(engine, run_id, seen[-1][0] if seen else 0)
    return seen


async def test_a_place_that_the_log_no_longer_holds_is_answered_by_a_snapshot(
    engine: Engine, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "KEPT_ENTRIES", 5)
    monkeypatch.setattr(live, "COALESCE_S", 0.0)
    sent = await ask(engine)
    for n in range(30):
        provider.say(f"{n} ")
        await asyncio.sleep(0)
    provider.say((DONE,))
    whole = await read(engine, sent.run.id)
    await until(lambda: not engine._workers._ended)
    for after in (0, whole[3][0], None):
        rest = await read(engine, sent.run.id, after)
        assert isinstance(rest[0][1], Snapshot)
        assert [seq for seq, _ in rest] == [whole[-1][0] - 1, whole[-1][0]]
        assert text(rest) == text(whole)
    assert await read(engine, sent.run.id, whole[-4][0]) == whole[-3:]
    assert await read(engine, sent.run.id, whole[-2][0]) == whole[-1:]


async def test_a_log_with_a_hole_is_answered_by_a_snapshot(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("whole ", "text", (DONE,))
    whole = await read(engine, sent.run.id)
    await until(lambda: not engine._workers._ended)
    log = engine._bus._logs[sent.run.id]  # type: ignore[attr-defined]
    del log.entries[2]
    rest = await read(engine, sent.run.id, whole[0][0])
    assert isinstance(rest[0][1], Snapshot)
    assert text(rest) == "whole text"


async def test_a_slow_reader_costs_the_others_nothing_and_catches_up(engine: Engine, provider: FakeProvider) -> None:
    woken = 0

    def wake() -> None:
        nonlocal woken
        woken += 1

    sent = await ask(engine)
    slow = await engine.runs.read(OWNER, sent.run.id, 0, wake)
    quick = asyncio.create_task(read(engine, sent.run.id))
    provider.say(*["x" * 1000] * 2000)
    provider.say((DONE,))
    events = await quick
    await settled(engine)
    assert woken == 1  # nothing is kept for it, and it is woken once until it takes something
    caught_up: list[tuple[int, Event]] = []
    while not slow.finished:
        caught_up += [(event.seq, decode_event(event.data)) for event in slow.take()]
    assert caught_up == events


async def test_a_reader_takes_no_more_than_it_asks_for(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say(*[(TextChunk("x" * 10_000), ThinkingChunk("y" * 10_000))] * 20)
    provider.say((DONE,))
    await settled(engine)
    reader = await engine.runs.read(OWNER, sent.run.id, 0, lambda: None)
    sizes = []
    while not reader.finished:
        sizes.append(sum(len(event.data) for event in reader.take(limit=30_000)))
    assert max(sizes) < 30_000 + 11_000
    assert sum(sizes) > 400_000


# A run of another process


async def test_a_reader_follows_a_run_of_another_process(engine: Engine, other: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    following = asyncio.create_task(read(other, sent.run.id, after=None))
    for word in ("one ", "two ", "three ", "four"):
        provider.say(word)
        await asyncio.sleep(0.6)
    provider.say((DONE,))
    events = await following
    assert isinstance(events[0][1], Snapshot)
    assert sum(isinstance(event, TextDelta) for _, event in events) >= 1
    assert (text(events), end(events).state, end(events).reason) == ("one two three four", "completed", "stop")
    places = [seq for seq, _ in events]
    assert places == sorted(set(places))


@pytest.mark.parametrize("place", ["first", "in the middle of a checkpoint", "ahead of the checkpoint", "end"])
async def test_a_reader_that_moves_to_another_process_loses_and_repeats_nothing(
    engine: Engine, other: Engine, provider: FakeProvider, place: str
) -> None:
    sent = await ask(engine)
    store = engine._store
    for n in range(12):
        provider.say(f"{n} ")
        await asyncio.sleep(0.03)
    async with asyncio.timeout(5):
        while text_of((await store.get_message(OWNER, sent.reply.chat_id, sent.reply.id)).parts).split() != [
            str(n) for n in range(12)
        ]:
            await asyncio.sleep(0.02)
    provider.say("live ")
    await asyncio.sleep(0.1)
    here = await read(engine, sent.run.id, until=14)
    seen = here[: {"first": 1, "in the middle of a checkpoint": 7, "ahead of the checkpoint": 14, "end": 14}[place]]
    if place == "end":
        provider.say((DONE,))
        await settled(engine)
    going_on = asyncio.create_task(read(other, sent.run.id, after=seen[-1][0]))
    await asyncio.sleep(0.1)
    if place != "end":
        provider.say("more", (DONE,))
    rest = await going_on
    whole = text_of((await stored(engine, sent.reply)).parts)
    assert text([*seen, *rest]) == whole
    for n in range(len(rest)):
        assert whole.startswith(text([*seen, *rest[:n]]))
    assert rest[0][0] > seen[-1][0]
    assert end(rest).state == "completed"


async def test_a_follower_of_a_continued_run_begins_with_all_of_it(
    engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    sent = await ask(engine)
    provider.say("1 2", None)
    await settled(engine)
    again = await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
    following = asyncio.create_task(read(other, again.run.id, after=0))
    await asyncio.sleep(0.1)
    provider.say(" 3")
    await asyncio.sleep(1.5)
    provider.say(" 4", (DONE,))
    events = await following
    assert (text(events), end(events).state) == ("1 2 3 4", "completed")


async def test_a_follower_of_a_run_that_was_taken_over_begins_anew(
    engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    """Its place was in another epoch, of which the new owner may have kept less."""
    sent = await ask(engine)
    provider.say("old ")
    following = asyncio.create_task(read(other, sent.run.id, after=seq_of(1, 30)))
    await read(engine, sent.run.id, until=3)
    await asyncio.sleep(1.2)
    claimed = await other._store.claim(OWNER, sent.run.id, 1, other._instance._id)
    assert claimed is not None
    await other._store.end_run(OWNER, sent.run.id, 2, RunEnd("interrupted", "server_restarted", seq=seq_of(2, 1)))
    events = await following
    assert (text(events), end(events).state) == ("old ", "interrupted")
    await settled_or_stopped(engine, sent.run.id)


async def settled_or_stopped(engine: Engine, run_id: RunId) -> None:
    """The deposed owner sees at its next checkpoint that the run is no longer its own."""
    provider: FakeProvider = engine._providers[0]  # type: ignore[assignment]
    provider.say(" late")
    await until(lambda: provider.active == 0)
    await settled(engine)


async def test_a_follower_of_a_deleted_chat_is_told(engine: Engine, other: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    following = asyncio.create_task(read(other, sent.run.id))
    await asyncio.sleep(0.1)
    await engine.chats.delete(OWNER, sent.reply.chat_id)
    assert end(await following).reason == "deleted"


async def test_a_reader_that_goes_leaves_no_task(engine: Engine, other: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    reader = await other.runs.read(OWNER, sent.run.id, 0, lambda: None)
    following = [task for task in asyncio.all_tasks() if task.get_name().startswith("aichat-follow")]
    assert len(following) == 1
    reader.close()
    await asyncio.wait(following, timeout=2)
    assert following[0].done()
    assert reader.take() == []
    provider.say((DONE,))
    await settled(engine)
