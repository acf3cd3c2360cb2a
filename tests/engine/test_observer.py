"""What an observer of the engine is told: each run's end once, by whoever wrote it, and how long it waited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.generation import End
from jupyter_aichat.engine.observer import EndedRun, Observer
from jupyter_aichat.errors import QueueFull, TooManyRuns
from tests.engine import lines
from tests.engine.collect import ask, end, read, settled, until
from tests.engine.conftest import MakeEngine, Replicas
from tests.engine.lines import ask_as, read_as
from tests.engine.replicas import kill
from tests.fakes import DONE, FakeProvider


class Told:
    """What all observers of this test were told."""

    def __init__(self) -> None:
        self.ended, self.waited = list[EndedRun](), list[float]()
        self.taken, self.refused = list[bool](), list[str]()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(Observer, "ended", lambda _, run: told.ended.append(run))
    monkeypatch.setattr(Observer, "admitted", lambda _, waited_s: told.waited.append(waited_s))
    monkeypatch.setattr(Observer, "taken_over", lambda _, goes_on: told.taken.append(goes_on))
    monkeypatch.setattr(Observer, "refused", lambda _, code: told.refused.append(code))
    return told


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()


async def test_an_answer_is_told_once_with_what_it_took(told: Told, engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    await until(lambda: provider.active == 1)
    provider.say("word")
    await read(engine, sent.run.id, until=3)
    provider.say((DONE,))
    await read(engine, sent.run.id)
    (run,) = told.ended
    assert (run.model, run.outcome, run.reason, run.error) == ("fake/fake", "completed", "stop", None)
    assert run.first_token_s is not None
    assert run.answer_s is not None
    assert 0 <= run.first_token_s < run.answer_s < 5
    assert run.usage is not None


async def test_an_answer_that_was_stopped_before_its_first_word_has_none(
    told: Told, engine: Engine, provider: FakeProvider
) -> None:
    sent = await ask(engine)
    await until(lambda: provider.active == 1)
    engine._workers.end(sent.run.id, End("stopped", "user"))
    await read(engine, sent.run.id)
    (run,) = told.ended
    assert (run.outcome, run.reason, run.first_token_s, run.usage) == ("stopped", "user", None, None)


async def test_a_run_of_a_dead_replica_ends_once(told: Told, replicas: Replicas, provider: FakeProvider) -> None:
    first, second, _ = replicas.engines
    sent = await ask(first)
    provider.say("a part ")
    await replicas.until_stored(sent, "a part ")
    await kill(first, replicas.dead)
    await until(lambda: provider.active == 1 and len(provider.requests) == 2)
    provider.say("and the rest", (DONE,))
    assert end(await read(second, sent.run.id)).state == "completed"
    for each in (second, replicas.engines[2]):
        await settled(each)
    assert told.taken == [True]
    assert [run.outcome for run in told.ended] == ["completed"]


@pytest.fixture
def narrow(
    jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """An engine that writes one answer at a time, and lets two of a person be there."""
    with lines.running(jp_asyncio_loop, tmp_path / "narrow.sqlite3", provider, monkeypatch) as replicas:
        yield replicas.make(capacity={"*": 1}, max_per_user=2, max_waiting=1)


async def test_the_wait_in_line_and_what_was_refused_are_told(
    told: Told, narrow: Engine, provider: FakeProvider
) -> None:
    first, second = await ask_as(narrow, "ada"), await ask_as(narrow, "ada")
    await until(lambda: provider.active == 1)
    assert narrow.waiting == {"fake/fake": 1}
    assert narrow.runs_by_state.get("queued") == 1
    with pytest.raises(TooManyRuns):
        await ask_as(narrow, "ada")
    with pytest.raises(QueueFull):
        await ask_as(narrow, "eve")
    assert told.refused == ["too_many_runs", "queue_full"]
    await asyncio.sleep(0.2)  # what is measured is a time
    for sent in (first, second):
        await until(lambda: provider.active == 1)
        provider.say((DONE,))
        await read_as(narrow, "ada", sent.run.id)
    assert told.waited[0] < 0.1
    assert told.waited[1] >= 0.2
    assert narrow.waiting == {"fake/fake": 0}
