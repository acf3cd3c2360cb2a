"""DESIGN of a run, 10 and 11: the line when replicas die, signals are lost, and the shared queue forgets or is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Sent
from tests.engine import lines
from tests.engine.collect import until
from tests.engine.lines import Replicas, ask_as, read_as
from tests.engine.replicas import kill
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
def four(replicas: Replicas) -> list[Engine]:
    return [replicas.make(capacity={"fake": 4}) for _ in range(2)]


@pytest.fixture
def takers(replicas: Replicas) -> list[Engine]:
    return [replicas.make_taking_over(**ONE, max_per_user=2, max_waiting=2) for _ in range(2)]


async def test_a_signal_that_is_lost_costs_a_second(
    replicas: Replicas, engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    await ask_as(engine, "ada")
    waits = await ask_as(other, "bob")
    replicas.bus.deaf = True
    provider.say((DONE,), (DONE,))
    assert (await read_as(other, "bob", waits.run.id))[-1].state == "completed"


async def test_the_places_of_a_dead_replica_are_free_after_its_lease(
    replicas: Replicas, engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    await ask_as(engine, "ada")
    await ask_as(engine, "ada")
    waits = await ask_as(other, "bob")
    await until(lambda: provider.active == 1)
    _die(engine)
    await until(lambda: len(provider.requests) == 2, 8)
    provider.say((DONE,), (DONE,))
    assert (await read_as(other, "bob", waits.run.id))[-1].state == "completed"


def _die(engine: Engine) -> None:
    """Look after the line no more, as a killed process."""
    watching = engine._admission._watching
    assert watching is not None
    watching.cancel()


async def test_a_run_that_is_taken_over_has_its_place_and_is_never_refused(
    replicas: Replicas, takers: list[Engine], provider: FakeProvider
) -> None:
    """One was admitted and one waited; the line is full, also for the owner."""
    dying, other = takers
    streams = await ask_as(dying, "ada", "one")
    waits = await ask_as(dying, "ada", "two")
    last = await ask_as(other, "bob", "three")
    await until(lambda: provider.active == 1)
    await kill(dying, replicas.dead)
    _die(dying)
    await until(lambda: len(provider.requests) == 2, 8)
    provider.say(*[(DONE,)] * 3)
    for owner, sent in (("ada", streams), ("ada", waits), ("bob", last)):
        assert (await read_as(other, owner, sent.run.id, after=None))[-1].state == "completed"
    asked = [text_of(request.messages[-1].parts) for request in provider.requests]
    assert asked == ["one", "one", "three", "two"]


async def test_a_replica_that_is_told_to_stop_hands_its_places_over(
    takers: list[Engine], provider: FakeProvider
) -> None:
    """Else those who wait would be admitted first, and an answer in mid-sentence would stand in line behind them."""
    stopping, other = takers
    streams = await ask_as(stopping, "ada", "one")
    waits = await ask_as(other, "bob", "two")
    provider.say("half")
    await read_as(stopping, "ada", streams.run.id, until=3)
    await stopping.stop()
    await until(lambda: len(provider.requests) == 2)
    assert await _state(other, "bob", waits) == "queued"
    provider.say(" done", (DONE,), (DONE,))
    assert (await read_as(other, "ada", streams.run.id, after=None))[-1].state == "completed"
    assert (await read_as(other, "bob", waits.run.id))[-1].state == "completed"
    assert [text_of(request.messages[0].parts) for request in provider.requests] == ["one", "one", "two"]


async def _state(engine: Engine, owner: str, sent: Sent) -> str:
    return (await engine.runs.get(OwnerId(owner), sent.run.id)).state


async def test_a_line_that_came_back_empty_is_made_again(
    replicas: Replicas, engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    await ask_as(engine, "ada")
    await ask_as(other, "bob")
    await until(lambda: provider.active == 1)
    await replicas.queue.lose_everything()
    done = replicas.queue.asked.count("sync")
    await until(lambda: replicas.queue.asked.count("sync") >= done + 4, 8)
    assert (await ask_as(engine, "cy")).run.state == "queued"
    assert len(provider.requests) == 1


async def test_while_the_queue_is_away_each_replica_admits_its_share_alone(
    replicas: Replicas, four: list[Engine], provider: FakeProvider
) -> None:
    """Capacity 4 over two replicas: two each; when it is back all is in one line again."""
    engine, other = four
    await until(lambda: engine._admission._present == 2, 8)
    replicas.queue.away = True
    here = [await ask_as(engine, f"user {n}") for n in range(3)]
    there = [await ask_as(other, f"user {n}") for n in range(3)]
    assert [sent.run.state for sent in (*here, *there)] == ["loading", "loading", "queued"] * 2
    replicas.queue.away = False
    await until(lambda: not engine._admission._lines["fake/fake"].is_alone, 8)
    await until(lambda: not other._admission._lines["fake/fake"].is_alone, 8)
    assert (engine._admission._alone._lines, other._admission._alone._lines) == ({}, {})  # type: ignore[union-attr]
    assert (await ask_as(engine, "cy")).run.state == "queued"
    assert len(provider.requests) == 4
    provider.say(*[(DONE,)] * 7)
    await until(lambda: len(provider.requests) == 7)


async def test_what_is_free_while_the_queue_is_away_goes_to_the_next_at_once(
    replicas: Replicas, engine: Engine, provider: FakeProvider
) -> None:
    first = await ask_as(engine, "ada")
    waits = await ask_as(engine, "bob")
    replicas.queue.away = True
    await until(lambda: engine._admission._lines["fake/fake"].is_alone)
    provider.say((DONE,), (DONE,))
    assert (await read_as(engine, "ada", first.run.id))[-1].state == "completed"
    assert (await read_as(engine, "bob", waits.run.id))[-1].state == "completed"
