"""DESIGN of a run: an answer belongs to the service; every run ends, once, in exactly one state."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.event import Context, RunFinished, RunStarted, Snapshot, TextDelta, UsageEvent
from jupyter_aichat.domain.ids import MessageId, OwnerId, RunId
from jupyter_aichat.domain.part import TextPart, ThinkingPart, ToolCallPart, text_of
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Again, Edit, Send
from jupyter_aichat.errors import (
    CannotContinue,
    IdempotencyConflict,
    InvalidRequest,
    ModelNotFound,
    NotFound,
    ProviderUnreachable,
    RunActive,
    StreamInterrupted,
)
from jupyter_aichat.providers.base import FinishedChunk, TextChunk, ThinkingChunk, ToolCallChunk
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text
from tests.fakes import DONE, FakeProvider


async def test_an_answer_is_streamed_and_kept(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine, "What is new?")
    assert (sent.reply.status, sent.run.state, sent.chat_created) == ("pending", "loading", True)
    provider.say("Not ", "much.", (FinishedChunk("stop", Usage(7, 2)),))
    events = await read(engine, sent.run.id)
    assert [seq for seq, _ in events] == list(range(events[0][0], events[0][0] + len(events)))
    assert isinstance(events[0][1], RunStarted)
    assert isinstance(events[1][1], Context)
    assert text(events) == "Not much."
    assert any(isinstance(event, UsageEvent) for _, event in events)
    assert (end(events).state, end(events).reason) == ("completed", "stop")
    reply = await stored(engine, sent.reply)
    assert (text_of(reply.parts), reply.status, reply.digest, reply.model) == ("Not much.", "completed", "d1", "fake")
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 2
    chat = await engine.chats.get(OWNER, reply.chat_id)
    assert (chat.title, chat.active_leaf) == ("What is new?", reply.id)


async def test_nobody_reads_and_the_answer_is_whole(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("a", "b", (TextChunk("c"), DONE))
    await settled(engine)
    assert text_of((await stored(engine, sent.reply)).parts) == "abc"


@pytest.mark.parametrize("after", range(8))
async def test_a_reader_who_comes_back_gets_the_rest_once(engine: Engine, provider: FakeProvider, after: int) -> None:
    sent = await ask(engine)
    for word in "abcd":
        provider.say(word)
        await asyncio.sleep(0.03)
    whole = asyncio.create_task(read(engine, sent.run.id))
    provider.say((DONE,))
    events = await whole
    for moment in ("just after the end", "later"):
        rest = await read(engine, sent.run.id, after=events[min(after, len(events) - 1)][0])
        assert rest == (events[after + 1 :] or events[-1:]), moment


async def test_a_reader_without_a_place_begins_with_a_snapshot(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("so far ")
    await read(engine, sent.run.id, until=3)
    rest = asyncio.create_task(read(engine, sent.run.id, after=None))
    await asyncio.sleep(0.05)
    provider.say("so good", (DONE,))
    events = await rest
    first = events[0][1]
    assert isinstance(first, Snapshot)
    assert (text_of(first.message.parts), first.message.status) == ("so far ", "streaming")
    assert text(events) == "so far so good"


async def test_a_place_beyond_the_end_gives_only_the_end(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("x", (DONE,))
    events = await read(engine, sent.run.id)
    assert await read(engine, sent.run.id, after=events[-1][0] + 5) == events[-1:]


async def test_stop_before_the_first_token(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    await asyncio.sleep(0.02)
    await engine.runs.stop(OWNER, sent.run.id)
    events = await read(engine, sent.run.id)
    assert (end(events).state, end(events).reason, text(events)) == ("stopped", "user", "")
    assert (provider.active, provider.closed) == (0, 1)


async def test_stop_twice_and_after_the_end_changes_nothing(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("kept")
    await read(engine, sent.run.id, until=3)
    await engine.runs.stop(OWNER, sent.run.id)
    await engine.runs.stop(OWNER, sent.run.id)
    await settled(engine)
    provider.say(" too late")
    run = await engine.runs.stop(OWNER, sent.run.id)
    assert run.state == "stopped"
    assert text_of((await stored(engine, sent.reply)).parts) == "kept"


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        pytest.param(StreamInterrupted("cut"), "interrupted", "interrupted", id="cut"),
        pytest.param(ProviderUnreachable("gone"), "failed", "provider_unreachable", id="unreachable"),
        pytest.param(RuntimeError("secret"), "failed", "internal", id="a bug"),
        pytest.param(None, "interrupted", "interrupted", id="end of stream without a word"),
    ],
)
async def test_a_fault_ends_the_run_and_keeps_its_text(
    engine: Engine, provider: FakeProvider, fault: Exception | None, state: str, code: str
) -> None:
    sent = await ask(engine)
    provider.say("partial ", fault)
    events = await read(engine, sent.run.id)
    error = end(events).error
    assert error is not None
    assert (end(events).state, error.code) == (state, code)
    assert "secret" not in error.message
    reply = await stored(engine, sent.reply)
    assert (text_of(reply.parts), reply.status, reply.error) == ("partial ", state, error)


async def test_parts_are_kept_apart(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say(
        (ThinkingChunk("hm"),), (ToolCallChunk("c1", "clock", {"zone": "UTC"}),), "It is ", (TextChunk("noon"), DONE)
    )
    await read(engine, sent.run.id)
    expected = (ThinkingPart("hm"), ToolCallPart("c1", "clock", {"zone": "UTC"}), TextPart("It is noon"))
    assert (await stored(engine, sent.reply)).parts == expected


async def test_many_chunks_become_few_events(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say(*["x"] * 5000, (DONE,))
    events = await read(engine, sent.run.id)
    assert text(events) == "x" * 5000
    assert len(events) < 200


async def test_an_answer_without_end_is_stopped_at_its_bound(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say(*["y" * 500_000] * 10)
    events = await read(engine, sent.run.id)
    assert (end(events).state, end(events).reason) == ("stopped", "too_long")
    assert provider.active == 0


async def test_the_same_key_starts_one_run(engine: Engine, provider: FakeProvider) -> None:
    first = await ask(engine, key="k1")
    again = await ask(engine, key="k1")
    assert (again.run.id, again.message.id, again.reply.id) == (first.run.id, first.message.id, first.reply.id)
    await asyncio.sleep(0.02)
    assert len(provider.requests) == 1
    with pytest.raises(IdempotencyConflict):
        await ask(engine, "something else", key="k1")
    await engine.chats.delete(OWNER, first.reply.chat_id)
    with pytest.raises(NotFound):
        await ask(engine, key="k1")


async def test_two_sends_at_once_with_one_key_are_one(engine: Engine, provider: FakeProvider) -> None:
    both = await asyncio.gather(*(ask(engine, key="k2") for _ in range(5)))
    assert len({sent.run.id for sent in both}) == 1
    await asyncio.sleep(0.02)
    assert len(provider.requests) == 1


async def test_a_question_waits_for_the_answer_before_it(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    with pytest.raises(RunActive) as caught:
        await ask(engine, chat=sent.reply.chat_id)
    assert caught.value.details["run_id"] == sent.run.id


async def test_edit_and_regenerate_add_siblings(engine: Engine, provider: FakeProvider) -> None:
    first = await ask(engine, "one")
    provider.say("1", (DONE,))
    await settled(engine)
    other = await engine.runs.regenerate(OWNER, Again(first.reply.chat_id, first.reply.id))
    assert (other.reply.parent_id, other.message.id) == (first.message.id, first.message.id)
    provider.say("uno", (DONE,))
    await settled(engine)
    edited = await engine.runs.edit(OWNER, Edit(first.reply.chat_id, first.message.id, (TextPart("two"),)))
    assert edited.message.parent_id == first.message.parent_id
    provider.say("2", (DONE,))
    await settled(engine)
    page = await engine.chats.messages(OWNER, first.reply.chat_id, None, 100)
    assert [text_of(m.parts) for m in page.items] == ["one", "1", "uno", "two", "2"]
    assert (await engine.chats.get(OWNER, first.reply.chat_id)).active_leaf == edited.reply.id


async def test_a_stopped_answer_is_continued_on_the_same_message(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("1 2")
    await read(engine, sent.run.id, until=3)
    await engine.runs.stop(OWNER, sent.run.id)
    await settled(engine)
    resumed = await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
    assert resumed.reply.id == sent.reply.id
    provider.say(" 3", (DONE,))
    events = await read(engine, resumed.run.id)
    assert isinstance(events[0][1], Snapshot)
    assert text(events) == "1 2 3"
    request = provider.requests[-1]
    assert (request.messages[-1].role, text_of(request.messages[-1].parts)) == ("assistant", "1 2")
    reply = await stored(engine, sent.reply)
    assert (reply.status, text_of(reply.parts), reply.run_id) == ("completed", "1 2 3", resumed.run.id)
    assert [(c.part, c.offset, c.cause) for c in reply.continuations] == [(0, 3, "user")]


async def test_what_cannot_be_continued_says_so(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("done", (DONE,))
    await settled(engine)
    with pytest.raises(CannotContinue):
        await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
    thought = await ask(engine, chat=sent.reply.chat_id)
    provider.say((ThinkingChunk("hm"),), "so", None)
    await settled(engine)
    with pytest.raises(CannotContinue):
        await engine.runs.resume(OWNER, Again(sent.reply.chat_id, thought.reply.id))


async def test_deleting_a_chat_stops_its_runs_and_nothing_comes_back(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("text")
    reading = asyncio.create_task(read(engine, sent.run.id))
    await asyncio.sleep(0.05)
    await engine.chats.delete(OWNER, sent.reply.chat_id)
    assert end(await reading).reason == "deleted"
    await settled(engine)
    assert provider.active == 0
    with pytest.raises(NotFound):
        await engine.chats.messages(OWNER, sent.reply.chat_id, None, 10)
    with pytest.raises(NotFound):
        await engine.runs.get(OWNER, sent.run.id)


async def test_a_missing_model_is_told_by_the_run(engine: Engine, provider: FakeProvider) -> None:
    sent = await engine.runs.send(OWNER, Send((TextPart("hi"),), model="nope"))
    error = end(await read(engine, sent.run.id)).error
    assert error is not None
    assert (error.code, "ollama pull nope" in error.message) == (ModelNotFound.code, True)


async def test_an_unreachable_provider_is_told_by_the_run(engine: Engine, provider: FakeProvider) -> None:
    provider.unreachable = ProviderUnreachable("Ollama is not running at x. Start it with `ollama serve`.")
    sent = await ask(engine)
    error = end(await read(engine, sent.run.id)).error
    assert error is not None
    assert (error.code, "ollama serve" in error.message) == ("provider_unreachable", True)


@pytest.mark.parametrize("words", ["", "  \n", "x" * (512 * 1024 + 1)])
async def test_a_message_is_bounded(engine: Engine, words: str) -> None:
    with pytest.raises(InvalidRequest):
        await ask(engine, words)
    assert (await engine.chats.list(OWNER, ChatQuery())).items == ()


async def test_strangers_find_nothing(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    eve = OwnerId("eve")
    chat, reply, run = sent.reply.chat_id, sent.reply.id, sent.run.id
    for attempt in (
        lambda: engine.runs.get(eve, run),
        lambda: engine.runs.stop(eve, run),
        lambda: engine.runs.read(eve, run, 0, lambda: None),
        lambda: engine.runs.active(eve, chat),
        lambda: engine.runs.send(eve, Send((TextPart("x"),), chat_id=chat)),
        lambda: engine.runs.edit(eve, Edit(chat, sent.message.id, (TextPart("x"),))),
        lambda: engine.runs.regenerate(eve, Again(chat, reply)),
        lambda: engine.runs.resume(eve, Again(chat, reply)),
        lambda: engine.chats.get(eve, chat),
        lambda: engine.chats.delete(eve, chat),
        lambda: engine.chats.path(eve, chat, reply, None, 10),
        lambda: engine.runs.get(eve, RunId("unknown")),
        lambda: engine.runs.send(OWNER, Send((TextPart("x"),), chat_id=chat, parent_id=MessageId("unknown"))),
    ):
        with pytest.raises(NotFound):
            await attempt()
    provider.say((DONE,))
    await settled(engine)
    assert len((await engine.chats.messages(OWNER, chat, None, 10)).items) == 2


async def test_stop_of_the_engine_interrupts_and_keeps_the_text(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    provider.say("half an ")
    reading = asyncio.create_task(read(engine, sent.run.id))
    await asyncio.sleep(0.05)
    await engine.stop()
    await engine.stop()
    events = await reading
    assert (end(events).state, text(events)) == ("interrupted", "half an ")
    assert provider.active == 0


async def test_events_come_at_most_every_25_ms(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine)
    reading = asyncio.create_task(read(engine, sent.run.id))
    for _ in range(60):
        provider.say("x")
        await asyncio.sleep(0.005)
    provider.say((DONE,))
    deltas = [event for _, event in await reading if isinstance(event, TextDelta)]
    assert 2 < len(deltas) < 30
    assert isinstance((await reading)[-1][1], RunFinished)


async def test_what_is_no_text_costs_one_character_and_no_other_run(engine: Engine, provider: FakeProvider) -> None:
    """Providers promise text; one that breaks the promise harms nobody."""
    sent = await ask(engine)
    provider.say("a\ud800b ", "\udfff", "\U0001f600")
    await read(engine, sent.run.id, until=3)
    await asyncio.sleep(1.1)
    assert text_of((await stored(engine, sent.reply)).parts) == "a\ufffdb \ufffd\U0001f600"
    provider.say((DONE,))
    events = await read(engine, sent.run.id)
    assert (end(events).state, text(events)) == ("completed", "a\ufffdb \ufffd\U0001f600")


async def test_a_tool_call_that_cannot_be_kept_fails_the_run_and_keeps_its_text(
    engine: Engine, provider: FakeProvider
) -> None:
    sent = await ask(engine)
    provider.say("kept", (ToolCallChunk("c", "f", {"x": "\ud800"}),))
    assert end(await read(engine, sent.run.id)).state == "failed"
    reply = await stored(engine, sent.reply)
    assert (reply.status, text_of(reply.parts)) == ("failed", "kept")
