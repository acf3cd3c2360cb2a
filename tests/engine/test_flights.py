"""DESIGN of the data, last paragraph: identical requests in flight share one generation, and end on their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_aichat.domain.event import QueuePosition
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.errors import ProviderError
from tests.engine.collect import read, text, until
from tests.engine.kept import Service, answer, answered, ask, says
from tests.engine.lines import positions
from tests.fakes import DONE, FakeProvider


@pytest.fixture
def service(jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path, provider: FakeProvider) -> Iterator[Service]:
    service = Service(jp_asyncio_loop, tmp_path / "chats.sqlite3", provider)
    yield service
    for engine in service.engines:
        jp_asyncio_loop.run_until_complete(engine.stop())


@pytest.fixture
def engine(service: Service) -> Engine:
    return service.make()


@pytest.fixture
def narrow(service: Service) -> Engine:
    return service.make(capacity=1)


async def test_identical_requests_share_one_generation_and_a_later_one_gets_the_text_so_far(
    engine: Engine, provider: FakeProvider
) -> None:
    first = await ask(engine)
    provider.say("one ")
    assert text(await read(engine, first.run.id, owner=OwnerId("ada"), until=3)) == "one "
    second = await ask(engine)
    assert text(await read(engine, second.run.id, owner=OwnerId("ada"), until=3)) == "one "
    provider.say("two", (DONE,))
    assert [await answer(engine, sent) for sent in (first, second)] == ["one two"] * 2
    assert first.run.id != second.run.id
    assert (len(provider.requests), engine.answers.joined) == (1, 1)


async def test_of_others_nothing_is_joined(engine: Engine, provider: FakeProvider) -> None:
    await ask(engine, owner="ada")
    await ask(engine, owner="eve")
    await until(lambda: provider.active == 2)


async def test_each_stops_on_its_own_and_the_last_one_closes_the_upstream(
    engine: Engine, provider: FakeProvider
) -> None:
    first, second, third = [await ask(engine) for _ in range(3)]
    await until(lambda: engine.answers.joined == 2)
    provider.say("text")
    for sent in (first, second, third):
        await read(engine, sent.run.id, owner=OwnerId("ada"), until=3)
    await engine.runs.stop(OwnerId("ada"), first.run.id)
    assert await answer(engine, first) == "stopped"
    await engine.chats.delete(OwnerId("ada"), second.reply.chat_id)
    await until(lambda: engine.active_runs == 1)
    assert (provider.active, provider.closed) == (1, 0)
    await engine.runs.stop(OwnerId("ada"), third.run.id)
    await until(lambda: provider.closed == 1, 1)
    assert engine.answers._flights == {}


async def test_the_first_may_go_and_the_others_get_the_whole_answer(engine: Engine, provider: FakeProvider) -> None:
    first, second = await ask(engine), await ask(engine)
    await until(lambda: engine.answers.joined == 1)
    await engine.runs.stop(OwnerId("ada"), first.run.id)
    says(provider, "all of it")
    assert await answer(engine, second) == "all of it"
    await until(lambda: not engine.answers._flights)
    assert await answer(engine, await ask(engine)) == "all of it"


async def test_all_get_the_same_error(engine: Engine, provider: FakeProvider) -> None:
    sent = [await ask(engine) for _ in range(3)]
    await until(lambda: engine.answers.joined == 2)
    provider.say("half", ProviderError("It broke."))
    assert await asyncio.gather(*(answer(engine, each) for each in sent)) == ["failed"] * 3
    runs = [await engine.runs.get(OwnerId("ada"), each.run.id) for each in sent]
    assert [run.error.code for run in runs if run.error] == ["provider_error"] * 3


async def test_what_needs_no_model_does_not_wait_for_one(narrow: Engine, provider: FakeProvider) -> None:
    await answered(narrow, provider, "known", "at once")
    busy = await ask(narrow, "busy")
    await until(lambda: provider.active == 1)
    assert await answer(narrow, await ask(narrow, "known")) == "at once"
    beside = await ask(narrow, "busy")
    await until(lambda: narrow.answers.joined == 1)
    waits = await ask(narrow, "waits")
    assert isinstance((await read(narrow, waits.run.id, owner=OwnerId("ada"), until=1))[0][1], QueuePosition)
    provider.say("b", (DONE,), "w", (DONE,))
    assert await asyncio.gather(*(answer(narrow, each) for each in (busy, beside, waits))) == ["b", "b", "w"]


async def test_the_place_in_line_is_held_as_long_as_somebody_reads(narrow: Engine, provider: FakeProvider) -> None:
    first, second = await ask(narrow), await ask(narrow)
    await until(lambda: narrow.answers.joined == 1)
    other = await ask(narrow, "other")
    await narrow.runs.stop(OwnerId("ada"), first.run.id)
    assert await answer(narrow, first) == "stopped"
    events = [event for _, event in await read(narrow, other.run.id, owner=OwnerId("ada"), until=1)]
    assert positions(events) == [1]
    assert len(provider.requests) == 1
    provider.say("b", (DONE,), "o", (DONE,))
    assert [await answer(narrow, sent) for sent in (second, other)] == ["b", "o"]
    assert text_of(provider.requests[1].messages[-1].parts) == "other"
    await until(lambda: narrow._admission._lines["fake/fake"].idle)


async def test_an_answer_that_is_not_at_hand_any_more_waits_for_the_model_like_others(
    narrow: Engine, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was under way failed between the look and the join."""
    await ask(narrow, "busy")
    await until(lambda: provider.active == 1)

    async def seen(_: object) -> bool:
        return True

    monkeypatch.setattr(narrow.answers, "at_hand", seen)
    waits = await ask(narrow, "waits")
    events = [event for _, event in await read(narrow, waits.run.id, owner=OwnerId("ada"), until=3)]
    assert positions(events) == [1]
    assert len(provider.requests) == 1
    provider.say("b", (DONE,), "w", (DONE,))
    assert await answer(narrow, waits) == "w"


async def test_those_who_waited_for_the_same_get_it_when_it_is_there(narrow: Engine, provider: FakeProvider) -> None:
    busy = await ask(narrow, "busy")
    await until(lambda: provider.active == 1)
    same = [await ask(narrow, "same") for _ in range(3)]
    provider.say("b", (DONE,), "s", (DONE,))
    assert await answer(narrow, busy) == "b"
    assert await asyncio.gather(*(answer(narrow, each) for each in same)) == ["s"] * 3
    assert len(provider.requests) == 2


async def test_nothing_is_left_when_the_engine_stops(service: Service, engine: Engine, provider: FakeProvider) -> None:
    for words in ("a", "a", "b"):
        await ask(engine, words)
    await until(lambda: provider.active == 2)
    await engine.stop()
    assert (provider.active, engine.answers._flights) == (0, {})
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "aichat-flight"]
