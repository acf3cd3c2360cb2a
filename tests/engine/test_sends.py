"""DESIGN of a run, 1 and 2: first the commit, then the ack, then events; one request is one run."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.event import Snapshot
from jupyter_aichat.domain.model_rule import AllowedModels, ModelRule
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.domain.run import seq_of
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Again, Send
from jupyter_aichat.errors import ModelNotAllowed, NotReady, ProviderUnreachable, RunActive, StoreUnavailable
from tests.engine.collect import OWNER, ask, end, read, settled, stored, until
from tests.engine.faulty import FaultyStore
from tests.fakes import DONE, FakeProvider


async def test_no_ack_no_event_and_no_question_to_the_provider_before_the_commit(
    shaky: Engine, store: FaultyStore, provider: FakeProvider
) -> None:
    changes: list[Change] = []
    shaky.watch(OWNER, changes.append)
    store.held.add("commit")
    sending = asyncio.create_task(ask(shaky))
    await until(lambda: store.asked["commit"])
    await asyncio.sleep(0.05)
    assert (sending.done(), changes, provider.requests, shaky.active_runs) == (False, [], [], 0)
    store.gate.set()
    sent = await sending
    assert [change.run_id for change in changes] == [sent.run.id]
    provider.say((DONE,))
    assert end(await read(shaky, sent.run.id)).state == "completed"


async def test_a_refused_commit_leaves_nothing_behind(
    shaky: Engine, store: FaultyStore, provider: FakeProvider
) -> None:
    changes: list[Change] = []
    shaky.watch(OWNER, changes.append)
    store.away.add("commit")
    with pytest.raises(StoreUnavailable):
        await ask(shaky, key="k")
    assert (changes, provider.requests, shaky.active_runs) == ([], [], 0)
    assert (await shaky.chats.list(OWNER, ChatQuery())).items == ()
    store.away.clear()
    sent = await ask(shaky, key="k")
    provider.say((DONE,))
    assert end(await read(shaky, sent.run.id)).state == "completed"


async def test_whoever_asked_may_go_away_and_the_answer_is_written(
    shaky: Engine, store: FaultyStore, provider: FakeProvider
) -> None:
    """A cancelled send may be committed already; nobody else would ever write its answer."""
    store.held.add("commit")
    sending = asyncio.create_task(ask(shaky))
    await until(lambda: store.asked["commit"])
    sending.cancel()
    store.gate.set()
    provider.say("here", (DONE,))
    await until(lambda: provider.closed)
    await settled(shaky)
    (chat,) = (await shaky.chats.list(OWNER, ChatQuery())).items
    _, reply = (await shaky.chats.messages(OWNER, chat.id, None, 9)).items
    assert (reply.status, text_of(reply.parts)) == ("completed", "here")


async def test_a_stop_that_comes_before_the_first_step_ends_the_run(engine: Engine, provider: FakeProvider) -> None:
    """A task that is cancelled before it began never begins: the run would never end."""

    def stop_at_once(change: Change) -> None:
        assert change.run_id is not None
        engine.runs.on_stop_signal(change.run_id.encode())

    engine.watch(OWNER, stop_at_once)
    sent = await ask(engine)
    await settled(engine)
    assert (await engine.runs.get(OWNER, sent.run.id)).state == "stopped"
    assert (await stored(engine, sent.reply)).status == "stopped"
    assert provider.requests == []


async def test_many_sends_of_one_key_from_two_processes_are_one_run(
    engine: Engine, other: Engine, provider: FakeProvider
) -> None:
    results = await asyncio.gather(*(ask((engine, other)[n % 2], key="k") for n in range(10)))
    assert len({sent.run.id for sent in results}) == 1
    await asyncio.sleep(0.05)
    assert len(provider.requests) == 1
    assert engine.active_runs + other.active_runs == 1


async def test_of_many_questions_to_one_answer_at_once_one_waits_for_no_other(
    engine: Engine, provider: FakeProvider
) -> None:
    first = await ask(engine)
    provider.say((DONE,))
    await settled(engine)
    chat = first.reply.chat_id
    results = await asyncio.gather(*(ask(engine, chat=chat) for _ in range(6)), return_exceptions=True)
    begun = [sent for sent in results if not isinstance(sent, BaseException)]
    assert len(begun) == 1
    refusals = [error for error in results if isinstance(error, RunActive)]
    assert [error.details["run_id"] for error in refusals] == [begun[0].run.id] * 5


async def test_events_are_numbered_densely_within_an_epoch(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    reading = asyncio.create_task(read(engine, sent.run.id))
    for _ in range(20):
        provider.say("x")
        await asyncio.sleep(0.03)
    provider.say((DONE,))
    events = await reading
    assert [seq for seq, _ in events] == [seq_of(1, n) for n in range(1, len(events) + 1)]
    assert (await engine.runs.get(OWNER, sent.run.id)).seq == events[-1][0]
    assert (await stored(engine, sent.reply)).seq == events[-1][0]


async def test_a_continued_run_begins_with_a_snapshot_and_says_when(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("1 2", None)
    await settled(engine)
    again = await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
    provider.say(" 3", (DONE,))
    seq, first = (await read(engine, again.run.id))[0]
    assert seq == seq_of(1, 1)
    assert isinstance(first, Snapshot)
    assert text_of(first.message.parts) == "1 2"
    (mark,) = (await stored(engine, sent.reply)).continuations
    assert mark.at > sent.reply.created_at


async def test_what_is_sent_while_the_engine_stops_is_refused(engine: Engine) -> None:
    stopping = asyncio.create_task(engine.stop())
    await asyncio.sleep(0)
    with pytest.raises(NotReady):
        await ask(engine)
    await stopping


async def test_what_was_committed_while_the_engine_stopped_is_ended(
    shaky: Engine, store: FaultyStore, other: Engine, provider: FakeProvider
) -> None:
    store.held.add("commit")
    sending = asyncio.create_task(ask(shaky))
    await until(lambda: store.asked["commit"])
    stopping = asyncio.create_task(shaky.stop())
    store.gate.set()
    await stopping
    sent = await asyncio.gather(sending, return_exceptions=True)
    await asyncio.sleep(0.05)
    await other._instance._sweep()
    for chat in (await other.chats.list(OWNER, ChatQuery())).items:
        _, reply = (await other.chats.messages(OWNER, chat.id, None, 9)).items
        assert reply.status == "interrupted", sent
    assert provider.active == 0


@pytest.mark.parametrize(
    ("model", "error"), [(None, NotReady), ("kept", ModelNotAllowed), ("kept:latest", ModelNotAllowed)]
)
async def test_what_nobody_could_judge_when_the_run_begins_is_not_begun(
    engine: Engine, provider: FakeProvider, model: str | None, error: type[Exception]
) -> None:
    provider.unreachable = ProviderUnreachable("Ollama is not running.")
    allowed = AllowedModels((ModelRule(("fake/kept",), role="admin"),))
    with pytest.raises(error):
        await engine.runs.send(OWNER, Send((TextPart("a"),), model=model), allowed)
    assert (await engine.chats.list(OWNER, ChatQuery())).items == ()
    assert (await engine.runs.send(OWNER, Send((TextPart("a"),), model="free"), allowed)).run.id


async def test_who_may_not_ask_a_model_hears_nothing_else_of_it(engine: Engine, provider: FakeProvider) -> None:
    """Not even that it cannot go on from its own text."""
    sent = await ask(engine)
    provider.can_prefill = False
    provider.say("a", None)
    assert end(await read(engine, sent.run.id)).state == "interrupted"
    allowed = AllowedModels((ModelRule(("*",), role="admin"),))
    with pytest.raises(ModelNotAllowed):
        await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id), allowed)
