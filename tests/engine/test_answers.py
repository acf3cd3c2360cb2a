"""DESIGN of the data, last paragraph: the response cache."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine import answers
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Again, Edit
from jupyter_aichat.errors import ProviderError
from jupyter_aichat.providers.base import FinishedChunk, TextChunk, ThinkingChunk, ToolCallChunk
from tests.engine.collect import read, text, until
from tests.engine.kept import SURE, Service, answer, answered, ask, says
from tests.fakes import DONE, MODEL, FakeProvider


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
def shared(service: Service) -> Engine:
    return service.make("shared")


@pytest.fixture
def off(service: Service) -> Engine:
    return service.make("off")


async def test_the_same_request_again_is_answered_without_the_model_and_says_so(
    engine: Engine, provider: FakeProvider
) -> None:
    first = await answered(engine, provider, says_="because")
    second = await ask(engine)
    events = await read(engine, second.run.id, owner=OwnerId("ada"))
    assert text(events) == "because"
    assert len(provider.requests) == 1
    run = await engine.runs.get(OwnerId("ada"), second.run.id)
    before = await engine.runs.get(OwnerId("ada"), first.run.id)
    assert run.usage is not None
    assert before.usage is not None
    assert (run.usage.cached, run.usage.completion_tokens, run.usage.total_ms) == (True, 3, None)
    assert not before.usage.cached
    assert (engine.answers.hits, engine.answers.misses, engine.answers.joined) == (1, 1, 0)


async def test_a_long_answer_with_thinking_comes_back_the_same(engine: Engine, provider: FakeProvider) -> None:
    words = "aé🙂" * 20_000
    sent = await ask(engine)
    provider.say((ThinkingChunk("hm "), ThinkingChunk("hm")), words, (DONE,))
    assert await answer(engine, sent) == words
    again = await ask(engine)
    assert await answer(engine, again) == words
    (_, first), (_, second) = [
        (await engine.chats.messages(OwnerId("ada"), each.reply.chat_id, None, 9)).items for each in (sent, again)
    ]
    assert first.parts == second.parts


@pytest.mark.parametrize("options", [Options(), Options(temperature=0.1), Options(top_k=1)])
async def test_what_may_differ_each_time_is_asked_each_time(
    engine: Engine, provider: FakeProvider, options: Options
) -> None:
    await answered(engine, provider, options=options)
    await answered(engine, provider, options=options, says_="another")


async def test_a_seed_is_as_good_as_temperature_zero(engine: Engine, provider: FakeProvider) -> None:
    await answered(engine, provider, options=Options(seed=0))
    assert await answer(engine, await ask(engine, options=Options(seed=0))) == "yes"


async def test_off_nothing_is_kept_and_nothing_is_shared(off: Engine, service: Service, provider: FakeProvider) -> None:
    await answered(off, provider)
    await answered(off, provider)
    assert service.cache.answers() == []
    for _ in range(2):
        await ask(off)
    await until(lambda: provider.active == 2)


@pytest.mark.parametrize(
    "other",
    [
        {"words": "hi!"},
        {"options": Options(temperature=0, top_p=0.5)},
        {"options": Options(temperature=0, seed=1)},
        {"options": Options(temperature=0, system="Be rude.")},
        {"options": Options(temperature=0, num_ctx=2048)},
        {"options": Options(temperature=0, think=True)},
        {"options": Options(temperature=0, stop=("x",))},
        {"owner": "eve"},
    ],
)
async def test_another_request_does_not_get_this_answer(
    engine: Engine, provider: FakeProvider, other: dict[str, Any]
) -> None:
    """Poisoning: a key without the options, the system prompt or the owner."""
    await answered(engine, provider, says_="mine")
    await answered(engine, provider, **{"words": "hi", "says_": "theirs", **other})


async def test_a_new_digest_ends_an_answer(engine: Engine, provider: FakeProvider) -> None:
    await answered(engine, provider)
    provider.listed = (msgspec.structs.replace(MODEL, digest="d2"),)
    await engine.models._refresh(0)
    await answered(engine, provider, says_="new")


async def test_a_model_without_a_digest_is_asked_each_time(engine: Engine, provider: FakeProvider) -> None:
    provider.listed = (msgspec.structs.replace(MODEL, digest=None),)
    await engine.models._refresh(0)
    await answered(engine, provider)
    await answered(engine, provider)


async def test_the_history_is_a_part_of_the_request(engine: Engine, provider: FakeProvider) -> None:
    first = await answered(engine, provider, "one", "1")
    second = await answered(engine, provider, "two", "other")
    await answered(engine, provider, "and", "after one", chat_id=first.reply.chat_id)
    await answered(engine, provider, "and", "after two", chat_id=second.reply.chat_id)


async def test_shared_answers_are_for_everybody(shared: Engine, provider: FakeProvider) -> None:
    await answered(shared, provider, says_="ours")
    assert await answer(shared, await ask(shared, owner="eve"), "eve") == "ours"


@pytest.mark.parametrize(
    "end",
    [
        (None,),
        (ProviderError("no"),),
        (RuntimeError("a fault"),),
        ((FinishedChunk("length", Usage()),),),
        ((FinishedChunk("load", Usage()),),),
    ],
)
async def test_unfinished_answers_and_errors_are_never_kept(
    engine: Engine, service: Service, provider: FakeProvider, end: Any
) -> None:
    sent = await ask(engine)
    provider.say("half", *end)
    await read(engine, sent.run.id, owner=OwnerId("ada"))
    await until(lambda: not engine.answers._flights)
    assert service.cache.answers() == []
    await answered(engine, provider, says_="whole")


@pytest.mark.parametrize(
    "chunks", [(DONE,), (TextChunk("look"), ToolCallChunk("1", "f", {}), DONE), (ThinkingChunk("hm"), DONE)]
)
async def test_empty_answers_and_calls_of_tools_are_not_kept(
    engine: Engine, service: Service, provider: FakeProvider, chunks: Any
) -> None:
    sent = await ask(engine)
    provider.say(chunks)
    await read(engine, sent.run.id, owner=OwnerId("ada"))
    await until(lambda: not engine.answers._flights)
    assert service.cache.answers() == []


async def test_a_stopped_answer_is_not_kept(engine: Engine, service: Service, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("half")
    await read(engine, sent.run.id, owner=OwnerId("ada"), until=3)
    await engine.runs.stop(OwnerId("ada"), sent.run.id)
    await until(lambda: not provider.active)
    assert service.cache.answers() == []
    assert engine.answers._flights == {}


async def test_regenerate_and_continue_never_read_it(engine: Engine, provider: FakeProvider) -> None:
    first = await answered(engine, provider, says_="one")
    again = Again(first.reply.chat_id, first.reply.id, options=SURE)
    provider.say("two", (FinishedChunk("length", Usage()),))
    second = await engine.runs.regenerate(OwnerId("ada"), again)
    assert await answer(engine, second) == "two"
    provider.say(" three", (DONE,))
    third = await engine.runs.resume(OwnerId("ada"), Again(first.reply.chat_id, second.reply.id, options=SURE))
    assert await answer(engine, third) == "two three"
    assert len(provider.requests) == 3
    assert await answer(engine, await ask(engine)) == "one"


async def test_regenerate_joins_nobody(engine: Engine, provider: FakeProvider) -> None:
    first = await answered(engine, provider, "hi")
    await ask(engine, "other")
    await until(lambda: provider.active == 1)
    edited = await engine.runs.edit(
        OwnerId("ada"),
        Edit(first.reply.chat_id, first.message.id, (first.message.parts[0],), options=SURE),  # type: ignore[arg-type]
    )
    assert await answer(engine, edited) == "yes"  # an edit is a question like another
    await engine.runs.regenerate(OwnerId("ada"), Again(first.reply.chat_id, first.reply.id, options=SURE))
    await until(lambda: provider.active == 2)


async def test_deleting_the_chat_deletes_its_answers(engine: Engine, service: Service, provider: FakeProvider) -> None:
    first = await answered(engine, provider, "a", "1")
    await answered(engine, provider, "b", "2", chat_id=first.reply.chat_id)
    await answered(engine, provider, "c", "3")
    assert len(service.cache.answers()) == 3
    await engine.chats.delete(OwnerId("ada"), first.reply.chat_id)
    assert len(service.cache.answers()) == 1
    await answered(engine, provider, "a", "anew")
    assert await answer(engine, await ask(engine, "c")) == "3"


async def test_the_answers_of_an_owner_who_leaves_are_deleted(
    engine: Engine, service: Service, provider: FakeProvider
) -> None:
    for question in ("a", "b", "c"):
        await answered(engine, provider, question, "yes")
    assert len(service.cache.answers()) == 3
    await engine.chats.forget_answers(OwnerId("eve"))
    assert len(service.cache.answers()) == 3
    await engine.chats.forget_answers(OwnerId("ada"))
    assert service.cache.answers() == []


async def test_an_answer_that_is_kept_while_its_chat_is_deleted_is_gone(
    engine: Engine, service: Service, provider: FakeProvider
) -> None:
    """The index has been read already when the answer comes."""
    gather = service.cache.gather

    async def late(key: str, member: bytes, ttl_s: float) -> None:
        await engine.answers.forget(OwnerId("ada"), sent.reply.chat_id)
        await gather(key, member, ttl_s)

    service.cache.gather = late  # type: ignore[method-assign]
    sent = await ask(engine)
    says(provider, "yes")
    assert await answer(engine, sent) == "yes"
    await until(lambda: not engine.answers._flights)
    assert service.cache.answers() == []


async def test_what_is_deleted_while_the_cache_is_away_is_gone_when_it_is_back(
    engine: Engine, service: Service, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "FORGET_AGAIN_S", 0.05)
    sent = await answered(engine, provider)
    service.cache.away = True
    await engine.chats.delete(OwnerId("ada"), sent.reply.chat_id)
    assert len(service.cache.answers()) == 1
    service.cache.away = False
    await until(lambda: not service.cache.answers())
    await until(lambda: engine.answers._forgetting is None)


async def test_an_answer_lives_for_its_time(service: Service, brief: Engine, provider: FakeProvider) -> None:
    await answered(brief, provider)
    assert await answer(brief, await ask(brief)) == "yes"
    async with asyncio.timeout(5):
        while await service.cache.get(next(key for key in service.cache._values if key.startswith("answer:"))):
            await asyncio.sleep(0.02)
    await answered(brief, provider, says_="anew")


@pytest.fixture
def brief(service: Service) -> Engine:
    return service.make(ttl_s=1.0)


@pytest.fixture
def small(service: Service) -> Engine:
    return service.make(max_bytes=100)


async def test_an_answer_that_is_too_long_is_not_kept(small: Engine, service: Service, provider: FakeProvider) -> None:
    await answered(small, provider, "a", "short")
    await answered(small, provider, "b", "x" * 101)
    assert len(service.cache.answers()) == 1


async def test_what_is_kept_tells_nothing_of_the_question_or_its_owner(
    engine: Engine, service: Service, provider: FakeProvider
) -> None:
    await answered(engine, provider, "my password is hunter2")
    assert all("hunter2" not in key and "ada" not in key for key in service.cache._values)
    assert all(b"hunter2" not in value and b"ada" not in value for value in service.cache.answers())


async def test_what_cannot_be_read_is_asked_again(engine: Engine, service: Service, provider: FakeProvider) -> None:
    await answered(engine, provider)
    for key in [key for key in service.cache._values if key.startswith("answer:")]:
        await service.cache.put(key, b'{"not": "ours"}', 60)
    await answered(engine, provider, says_="anew")


async def test_a_cache_that_is_away_costs_nothing_but_the_answers_in_it(
    engine: Engine, service: Service, provider: FakeProvider
) -> None:
    await answered(engine, provider, "warm")  # what the catalogue asks the cache for is another matter
    service.cache.away = True
    engine.models.setup = _setup  # type: ignore[method-assign]
    sent = await answered(engine, provider)
    await engine.chats.delete(OwnerId("ada"), sent.reply.chat_id)


async def _setup(model: Any) -> Any:
    from jupyter_aichat.domain.model import ModelSetup

    return ModelSetup(model, 1000)
