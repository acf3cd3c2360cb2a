"""What runs cost, written down with their ends; and what becomes of a send whose quota is used up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import ChatId, InstanceId, MessageId, RunId
from jupyter_aichat.domain.message import Continuation, Message
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.domain.run import Generation, Run, RunRecord
from jupyter_aichat.domain.usage import Usage, UsageRecord, day_of
from jupyter_aichat.engine.answers import AnswerCache
from jupyter_aichat.engine.charging import charge_of
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.live import LiveRun
from jupyter_aichat.engine.requests import Again, Edit, Send, Sent
from jupyter_aichat.engine.window import Estimator
from jupyter_aichat.errors import ProviderUnreachable, QuotaExceeded
from jupyter_aichat.limits.quotas import Ledger, Quotas
from jupyter_aichat.providers.base import FinishedChunk
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.engine.collect import OWNER, ask, read, settled, until
from tests.fakes import FakeProvider

DONE = FinishedChunk("stop", Usage(prompt_tokens=40, completion_tokens=10, load_ms=0))
RULE: dict[str, object] = {"tokens_per_day": 1000}


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "chats.sqlite3")


@pytest.fixture
def engine(jp_asyncio_loop: asyncio.AbstractEventLoop, store: SqliteStore, provider: FakeProvider) -> Iterator[Engine]:
    """An engine of a service, in which everybody has a thousand tokens a day."""
    cache = LocalCache()
    quotas = Quotas(Ledger(cache, store.usage, store.accounts), rules=[RULE])
    answers = AnswerCache(scope="own")
    engine = Engine(store, LocalBus(), cache, [provider], quotas=quotas, answers=answers)
    jp_asyncio_loop.run_until_complete(engine.start())
    yield engine
    jp_asyncio_loop.run_until_complete(engine.stop())


async def used(store: SqliteStore) -> UsageRecord:
    (record,) = await store.usage.used(OWNER, "")
    return record


async def answered(engine: Engine, provider: FakeProvider, done: FinishedChunk = DONE) -> Sent:
    provider.say("yes", (done,))
    sent = await ask(engine)
    await settled(engine)
    return sent


def done(tokens: int) -> FinishedChunk:
    return FinishedChunk("stop", Usage(prompt_tokens=tokens, completion_tokens=0))


async def test_a_run_costs_what_the_provider_counted(
    engine: Engine, store: SqliteStore, provider: FakeProvider
) -> None:
    await answered(engine, provider)
    await answered(engine, provider)
    record = await used(store)
    assert (record.day, record.model, record.runs) == (day_of(now()), "fake/fake", 2)
    assert (record.prompt_tokens, record.completion_tokens) == (80, 20)
    assert record.ms < 5000


async def test_a_stopped_run_costs_what_was_sent_and_said(
    engine: Engine, store: SqliteStore, provider: FakeProvider
) -> None:
    sent = await engine.runs.send(OWNER, Send((TextPart("x" * 360),)))
    provider.say("y" * 180)
    await read(engine, sent.run.id, until=3)
    await asyncio.sleep(0.05)  # for which it generates
    await engine.runs.stop(OWNER, sent.run.id)
    await settled(engine)
    record = await used(store)
    assert (record.prompt_tokens, record.completion_tokens) == (104, 50)
    assert 50 <= record.ms < 5000


async def test_what_failed_before_its_first_word_costs_nothing(
    engine: Engine, store: SqliteStore, provider: FakeProvider
) -> None:
    provider.say(ProviderUnreachable())
    await ask(engine)
    await settled(engine)
    record = await used(store)
    assert (record.tokens, record.ms, record.runs) == (0, 0, 1)


async def test_an_answer_that_was_given_before_costs_nothing(
    engine: Engine, store: SqliteStore, provider: FakeProvider
) -> None:
    provider.say("yes", (DONE,))
    for _ in range(2):
        await engine.runs.send(OWNER, Send((TextPart("hi"),), options=Options(temperature=0)))
        await settled(engine)
    record = await used(store)
    assert (len(provider.requests), record.tokens, record.runs) == (1, 50, 2)


async def test_every_way_to_ask_counts_and_is_refused_when_nothing_is_left(
    engine: Engine, store: SqliteStore, provider: FakeProvider
) -> None:
    engine.quotas.reply_tokens = 100
    sent = await answered(engine, provider, FinishedChunk("length", Usage(prompt_tokens=100, completion_tokens=100)))
    chat, question, reply = sent.reply.chat_id, sent.message.id, sent.reply.id
    words = (TextPart("again"),)
    ways: tuple[Callable[[], Awaitable[Sent]], ...] = (
        lambda: engine.runs.send(OWNER, Send(words)),
        lambda: engine.runs.edit(OWNER, Edit(chat, question, words)),
        lambda: engine.runs.regenerate(OWNER, Again(chat, reply)),
        lambda: engine.runs.resume(OWNER, Again(chat, reply)),
    )
    for n, way in enumerate(ways):
        provider.say("more", (done(50),))
        await way()
        await settled(engine)
        assert (await used(store)).tokens == 250 + 50 * n
    await answered(engine, provider, done(700))
    before = await engine.chats.messages(OWNER, chat, None, 100), await engine.chats.list(OWNER, ChatQuery())
    for way in ways:
        with pytest.raises(QuotaExceeded):
            await way()
    assert (await engine.chats.messages(OWNER, chat, None, 100), await engine.chats.list(OWNER, ChatQuery())) == before
    assert engine.active_runs == 0


async def test_a_retry_gets_its_answer_also_when_nothing_is_left(engine: Engine, provider: FakeProvider) -> None:
    provider.say("yes", (done(1000),))
    sent = await ask(engine, key="k")
    await settled(engine)
    assert (await ask(engine, key="k")).run.id == sent.run.id
    with pytest.raises(QuotaExceeded):
        await ask(engine, key="other")


async def test_a_retry_while_something_is_left_holds_nothing(engine: Engine, provider: FakeProvider) -> None:
    engine.quotas.reply_tokens = 400
    first = await ask(engine, key="k")
    for _ in range(9):
        assert (await ask(engine, key="k")).run.id == first.run.id
    second = await ask(engine)
    for sent in (first, second):
        await engine.runs.stop(OWNER, sent.run.id)


async def test_a_long_prompt_is_expected_to_be_long_again(engine: Engine, provider: FakeProvider) -> None:
    sent = await answered(engine, provider, done(300))
    with pytest.raises(QuotaExceeded):
        await ask(engine, chat=sent.reply.chat_id)
    provider.say("yes", (DONE,))
    await ask(engine)
    await settled(engine)


async def test_a_run_under_way_holds_its_part_until_it_has_ended(engine: Engine, provider: FakeProvider) -> None:
    first = await ask(engine)
    with pytest.raises(QuotaExceeded) as refused:
        await ask(engine)
    assert refused.value.details["retry_after"] == 5
    await engine.runs.stop(OWNER, first.run.id)
    await until(lambda: not engine.active_runs)
    second = await ask(engine)
    await engine.runs.stop(OWNER, second.run.id)


@pytest.mark.parametrize(
    ("epoch", "marks", "tokens"),
    [(1, (), None), (2, (), 50), (2, (Continuation(0, 144, now(), "user"),), 10), (2, (Continuation(0, 9, now(), "takeover"),), 50)],
)  # fmt: skip
async def test_what_a_dead_process_had_said_costs_what_it_is_also_where_it_does_not_go_on(
    epoch: int, marks: tuple[Continuation, ...], tokens: int | None
) -> None:
    run = Run(RunId("r"), ChatId("c"), MessageId("m"), "streaming")
    record = RunRecord(run, OWNER, Generation("fake", "fake"), InstanceId("here"), epoch)
    reply = Message(MessageId("m"), ChatId("c"), None, "assistant", (TextPart("x" * 180),), "streaming", 2, now())
    live = LiveRun(record, msgspec.structs.replace(reply, continuations=marks), lambda _live, _event: None)
    charge = charge_of(live, "stopped", Estimator())
    assert (None if charge is None else (charge.prompt_tokens, charge.completion_tokens, charge.ms)) == (
        None if tokens is None else (0, tokens, 0)
    )


async def test_a_server_of_one_person_writes_nothing_down(
    jp_asyncio_loop: asyncio.AbstractEventLoop, store: SqliteStore, provider: FakeProvider
) -> None:
    engine = Engine(store, LocalBus(), LocalCache(), [provider])
    await engine.start()
    await answered(engine, provider)
    assert await store.usage.used(OWNER, "") == ()
    await engine.stop()
