"""DESIGN of a run, 10: a line before the model, fair, bounded, with positions, over all replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.event import QueuePosition, RunStarted, Snapshot
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.engine import admission
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.errors import IdempotencyConflict, QueueFull, StoreUnavailable, TooManyRuns
from jupyter_aichat.stores.base import Store
from tests.engine import lines
from tests.engine.collect import until
from tests.engine.faulty import FaultyStore
from tests.engine.lines import Replicas, ask_as, positions, read_as
from tests.fakes import DONE, FakeProvider

ONE: dict[str, Any] = {"capacity": {"*": 1}}


@pytest.fixture
def replicas(
    jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Replicas]:
    with lines.running(jp_asyncio_loop, tmp_path / "chats.sqlite3", provider, monkeypatch) as replicas:
        yield replicas


@pytest.fixture
def engine(replicas: Replicas) -> Engine:
    return replicas.make(**ONE)


@pytest.fixture
def other(replicas: Replicas, engine: Engine) -> Engine:
    return replicas.make(**ONE)


@pytest.fixture
def bounded(replicas: Replicas) -> Engine:
    return replicas.make(**ONE, max_per_user=2, max_waiting=2)


@pytest.fixture
def leaving(replicas: Replicas) -> Engine:
    return replicas.make(**ONE, on_disconnect=0.3)


@pytest.fixture
def watching(replicas: Replicas) -> Engine:
    return replicas.make(**ONE)


@pytest.fixture
def three(replicas: Replicas) -> list[Engine]:
    return [replicas.make(capacity={"fake": 2}) for _ in range(3)]


@pytest.fixture
def free(replicas: Replicas) -> Engine:
    return replicas.make()


@pytest.fixture
def away(tmp_path: Path) -> FaultyStore:
    return FaultyStore(tmp_path / "chats.sqlite3")


@pytest.fixture
def shaky(replicas: Replicas, away: FaultyStore) -> Engine:
    return replicas.make(cast("Store", away), **ONE)


async def state(engine: Engine, owner: str, sent: Any) -> str:
    return (await engine.runs.get(OwnerId(owner), sent.run.id)).state


async def test_one_is_answered_and_the_next_waits_and_is_told_where_it_stands(
    engine: Engine, provider: FakeProvider
) -> None:
    first = await ask_as(engine, "ada")
    await until(lambda: provider.active == 1)
    second = await ask_as(engine, "bob")
    assert (second.run.state, second.reply.status) == ("queued", "pending")
    (waits,) = await read_as(engine, "bob", second.run.id, until=1)
    assert waits == QueuePosition(1, None)
    assert await state(engine, "bob", second) == "queued"
    assert len(provider.requests) == 1
    reading = asyncio.create_task(read_as(engine, "bob", second.run.id))
    provider.say("one", (DONE,))
    assert positions(await read_as(engine, "ada", first.run.id)) == []
    provider.say("two", (DONE,))
    events = await reading
    assert [type(event) for event in events[:2]] == [QueuePosition, RunStarted]
    assert events[-1].state == "completed"


async def test_whoever_comes_later_is_told_where_it_stands(engine: Engine, provider: FakeProvider) -> None:
    """A page that is loaded again has the message, or begins with a snapshot; nothing may change for minutes."""
    await ask_as(engine, "ada")
    waits = await ask_as(engine, "bob")
    await read_as(engine, "bob", waits.run.id, until=1)
    snapshot, place = await read_as(engine, "bob", waits.run.id, after=None, until=2)
    assert isinstance(snapshot, Snapshot)
    assert place == QueuePosition(1, None)
    _, reply = (await engine.chats.messages(OwnerId("bob"), waits.reply.chat_id, None, 9)).items
    assert await read_as(engine, "bob", waits.run.id, after=reply.seq, until=1) == [place]


async def test_a_third_sees_its_place_change_and_how_long_it_will_take(engine: Engine, provider: FakeProvider) -> None:
    sent = [await ask_as(engine, owner) for owner in ("ada", "bob", "cy")]
    reading = asyncio.create_task(read_as(engine, "cy", sent[2].run.id))
    await until(lambda: provider.active == 1)
    provider.say((DONE,))
    await until(lambda: len(provider.requests) == 2)
    line = engine._admission._lines["fake/fake"]
    await until(lambda: line.places[sent[2].run.id].position == 1)
    provider.say((DONE,), (DONE,))
    waits = [event for event in await reading if isinstance(event, QueuePosition)]
    assert [wait.position for wait in waits] == [2, 1]
    assert waits[0].wait is None  # nothing was measured yet
    assert waits[1].wait is not None


async def test_owners_take_turns_over_replicas_whatever_their_number_of_questions(
    engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    greedy = [await ask_as((engine, other)[n % 2], "ada", f"ada {n}") for n in range(4)]
    modest = await ask_as(other, "bob", "bob")
    assert len(greedy) == 4
    provider.say(*[(DONE,)] * 5)
    assert (await read_as(other, "bob", modest.run.id))[-1].state == "completed"
    await until(lambda: len(provider.requests) == 5)
    asked = [text_of(request.messages[-1].parts) for request in provider.requests]
    assert asked == ["ada 0", "bob", "ada 1", "ada 2", "ada 3"]


async def test_never_more_than_so_many_are_answered_at_once_over_replicas(
    three: list[Engine], provider: FakeProvider
) -> None:
    sent = [(three[n % 3], f"user {n % 5}", await ask_as(three[n % 3], f"user {n % 5}")) for n in range(15)]
    most = 0
    while not all([(await engine.runs.get(OwnerId(owner), each.run.id)).ended for engine, owner, each in sent]):
        most = max(most, provider.active)
        provider.say((DONE,))
        await asyncio.sleep(0.01)
    assert (most, len(provider.requests)) == (2, 15)


async def test_a_user_with_too_many_is_refused_and_nothing_is_written(bounded: Engine, provider: FakeProvider) -> None:
    changes: list[Change] = []
    for n in range(2):
        await ask_as(bounded, "ada", f"{n}")
    bounded.watch(OwnerId("ada"), changes.append)
    with pytest.raises(TooManyRuns) as refused:
        await ask_as(bounded, "ada")
    assert refused.value.details["retry_after"] >= 1  # type: ignore[operator]
    assert (changes, len((await bounded.chats.list(OwnerId("ada"), ChatQuery())).items)) == ([], 2)
    await ask_as(bounded, "bob")
    provider.say((DONE,))
    await until(lambda: provider.closed == 1)
    await ask_as(bounded, "ada")


async def test_when_all_is_full_everybody_is_refused_and_nothing_is_written(bounded: Engine) -> None:
    for owner in ("ada", "bob", "cy"):
        await ask_as(bounded, owner)
    with pytest.raises(QueueFull) as refused:
        await ask_as(bounded, "dee")
    assert refused.value.details["retry_after"] >= 1  # type: ignore[operator]
    assert (await bounded.chats.list(OwnerId("dee"), ChatQuery())).items == ()


async def test_a_place_is_given_back_when_the_commit_fails(
    replicas: Replicas, shaky: Engine, away: FaultyStore
) -> None:
    away.away.add("commit")
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            await ask_as(shaky, "ada")
    away.away.clear()
    assert (await ask_as(shaky, "ada")).run.state == "loading"


async def test_a_request_that_comes_twice_has_one_place(bounded: Engine, provider: FakeProvider) -> None:
    first = await ask_as(bounded, "ada", key="k")
    for _ in range(4):
        assert (await ask_as(bounded, "ada", key="k")).run.id == first.run.id
    await ask_as(bounded, "ada")
    provider.say((DONE,), (DONE,))
    await until(lambda: provider.closed == 2)


async def test_a_request_that_comes_again_is_known_also_when_all_is_full(bounded: Engine) -> None:
    """A client whose answer was lost asks again: the line may be full of its own question."""
    sent = [await ask_as(bounded, "ada", key=f"{n}") for n in range(2)]
    assert (await ask_as(bounded, "ada", key="1")).run.id == sent[1].run.id
    await ask_as(bounded, "bob")
    assert (await ask_as(bounded, "ada", key="0")).run.id == sent[0].run.id
    with pytest.raises(IdempotencyConflict):
        await ask_as(bounded, "ada", "other words", key="0")
    with pytest.raises(TooManyRuns):
        await ask_as(bounded, "ada", key="2")


async def test_a_stop_leaves_the_line_and_the_model_is_never_asked(
    engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    await ask_as(engine, "ada")
    waits = await ask_as(engine, "bob")
    last = await ask_as(other, "cy")
    await other.runs.stop(OwnerId("bob"), waits.run.id)
    events = await read_as(other, "bob", waits.run.id)
    assert (events[-1].state, events[-1].reason) == ("stopped", "user")
    reading = asyncio.create_task(read_as(other, "cy", last.run.id))
    await until(lambda: provider.active == 1)
    provider.say((DONE,), (DONE,))
    assert (await reading)[-1].state == "completed"
    assert len(provider.requests) == 2


async def test_a_deleted_chat_leaves_the_line(engine: Engine, provider: FakeProvider) -> None:
    await ask_as(engine, "ada")
    waits = await ask_as(engine, "bob")
    last = await ask_as(engine, "cy")
    await engine.chats.delete(OwnerId("bob"), waits.reply.chat_id)
    provider.say((DONE,), (DONE,))
    assert (await read_as(engine, "cy", last.run.id))[-1].state == "completed"
    assert len(provider.requests) == 2


async def test_a_failed_answer_gives_its_place_to_the_next(engine: Engine, provider: FakeProvider) -> None:
    await ask_as(engine, "ada")
    waits = await ask_as(engine, "bob")
    provider.say(RuntimeError("a fault of ours"), (DONE,))
    assert (await read_as(engine, "bob", waits.run.id))[-1].state == "completed"


async def test_a_place_is_free_before_the_end_is_written(
    replicas: Replicas, shaky: Engine, away: FaultyStore, provider: FakeProvider
) -> None:
    """The upstream is closed then; a slow store must not keep the model idle."""
    await ask_as(shaky, "ada")
    await ask_as(shaky, "bob")
    away.held.add("end_run")
    provider.say((DONE,))
    await until(lambda: len(provider.requests) == 2)
    away.gate.set()


async def test_a_run_that_waits_goes_on_without_readers(engine: Engine, provider: FakeProvider) -> None:
    await ask_as(engine, "ada")
    waits = await ask_as(engine, "bob")
    await read_as(engine, "bob", waits.run.id, until=1)
    await asyncio.sleep(0.4)  # more than a look at the line
    assert await state(engine, "bob", waits) == "queued"


async def test_a_run_that_waits_leaves_a_while_after_its_last_reader_where_that_is_wished(
    leaving: Engine, provider: FakeProvider
) -> None:
    streams = await ask_as(leaving, "ada")
    await read_as(leaving, "ada", streams.run.id, until=1)
    left, followed, never_read = [await ask_as(leaving, owner) for owner in ("bob", "cy", "dee")]
    reading = asyncio.create_task(read_as(leaving, "cy", followed.run.id))
    await read_as(leaving, "bob", left.run.id, until=1)
    line = leaving._admission._lines["fake/fake"]
    await until(lambda: left.run.id not in line.places)
    assert [await state(leaving, owner, sent) for owner, sent in (("cy", followed), ("dee", never_read))] == [
        "queued"
    ] * 2
    end = (await read_as(leaving, "bob", left.run.id))[-1]
    assert (end.state, end.reason) == ("stopped", "disconnected")
    assert await state(leaving, "ada", streams) == "loading"
    provider.say((DONE,), (DONE,))
    assert (await reading)[-1].state == "completed"


async def test_a_reader_in_another_process_is_a_reader(
    leaving: Engine, watching: Engine, provider: FakeProvider
) -> None:
    """Somebody loaded the page again and came to another replica."""
    await ask_as(leaving, "ada")
    waits = await ask_as(leaving, "bob")
    reading = asyncio.create_task(read_as(watching, "bob", waits.run.id))
    await read_as(leaving, "bob", waits.run.id, until=1)
    line = leaving._admission._lines["fake/fake"]
    await until(lambda: line.places[waits.run.id].asked)
    await until(lambda: not line.places[waits.run.id].asked)
    await until(lambda: line.places[waits.run.id].asked)
    await until(lambda: not line.places[waits.run.id].asked)
    assert await state(leaving, "bob", waits) == "queued"
    reading.cancel()
    await until(lambda: waits.run.id not in line.places)
    await until(lambda: leaving.active_runs == 1)
    assert await state(leaving, "bob", waits) == "stopped"


async def test_while_nobody_can_be_asked_who_reads_nobody_has_to_leave(
    replicas: Replicas, leaving: Engine, provider: FakeProvider
) -> None:
    await ask_as(leaving, "ada")
    waits = await ask_as(leaving, "bob")
    await read_as(leaving, "bob", waits.run.id, until=1)
    replicas.bus.away = True
    await asyncio.sleep(0.8)  # the time to leave, and a few looks
    assert await state(leaving, "bob", waits) == "queued"
    replicas.bus.away = False
    await until(lambda: leaving.active_runs == 1)


async def test_nobody_asks_the_queue_while_nobody_is_in_line(
    replicas: Replicas, engine: Engine, provider: FakeProvider
) -> None:
    await ask_as(engine, "ada")
    provider.say((DONE,))
    await until(lambda: engine._admission._watching is None)
    assert set(replicas.queue.asked) <= {"present", "reserve", "release", "sync"}
    asked = [name for name in replicas.queue.asked if name != "present"]
    await asyncio.sleep(0.4)
    assert [name for name in replicas.queue.asked if name != "present"] == asked


async def test_a_model_that_takes_any_number_has_no_line(
    replicas: Replicas, free: Engine, provider: FakeProvider
) -> None:
    for _ in range(40):
        await ask_as(free, "ada")
    await until(lambda: provider.active == 40)
    assert [name for name in replicas.queue.asked if name != "present"] == []


@pytest.mark.parametrize(
    ("capacity", "known", "expected"),
    [
        ({}, None, 1),
        ({}, 0, 0),
        ({}, 4, 4),
        ({"fake": 2, "*": 7}, 4, 2),
        ({"fake/*": 3}, None, 3),
        ({"other": 3}, None, 1),
        ({"other": 3, "*": 0}, None, 0),
    ],
)
async def test_how_many_at_once_is_the_operators_word_then_the_providers(
    replicas: Replicas,
    engine: Engine,
    provider: FakeProvider,
    capacity: dict[str, int],
    known: int | None,
    expected: int,
) -> None:
    engine._admission.capacity = capacity
    provider.parallel = known
    assert engine._admission.capacity_of("fake", "fake") == expected


async def test_servers_that_come_let_in_who_waits_and_those_that_go_nobody_more(
    free: Engine, provider: FakeProvider
) -> None:
    provider.parallel = 1
    for _ in range(5):
        await ask_as(free, "ada")
    await until(lambda: provider.active == 1)
    provider.parallel = 3
    await until(lambda: provider.active == 3)
    provider.parallel = 2
    await asyncio.sleep(2.5 * admission.LOOK_S)  # it is seen
    assert provider.active == 3
    provider.say((DONE,))
    await until(lambda: provider.active == 2)
    await asyncio.sleep(2.5 * admission.LOOK_S)
    assert provider.active == 2
    assert free.waiting == {"fake/fake": 2}
