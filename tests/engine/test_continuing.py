"""What can be continued is continued from its text; what cannot says so, and nothing is written."""

from __future__ import annotations

import pytest

from jupyter_aichat.domain.event import Snapshot
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Again, Sent
from jupyter_aichat.errors import CannotContinue, ModelNotFound, RunActive
from jupyter_aichat.providers.base import Chunk, FinishedChunk, ThinkingChunk, ToolCallChunk
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text
from tests.fakes import DONE, FakeProvider

LENGTH = (FinishedChunk("length", Usage(prompt_tokens=5, completion_tokens=2, total_ms=10)),)


async def ended(engine: Engine, provider: FakeProvider, how: str, *said: str | tuple[Chunk, ...]) -> Sent:
    """Ask, and let the answer end in this way."""
    sent = await ask(engine)
    provider.say(*said)
    if how == "stopped":
        await read(engine, sent.run.id, until=3 if said else 2)
        await engine.runs.stop(OWNER, sent.run.id)
    else:
        provider.say({"interrupted": None, "length": LENGTH, "completed": (DONE,)}[how])
    await settled(engine)
    return sent


@pytest.mark.parametrize("how", ["stopped", "interrupted", "length"])
async def test_an_unfinished_answer_is_continued_from_its_text(
    engine: Engine, provider: FakeProvider, how: str
) -> None:
    sent = await ended(engine, provider, how, "1 2")
    again = await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
    assert (again.reply.id, again.message.id) == (sent.reply.id, sent.message.id)
    assert again.run.id != sent.run.id
    provider.say(" 3", (FinishedChunk("stop", Usage(prompt_tokens=9, completion_tokens=1, total_ms=5)),))
    events = await read(engine, again.run.id)
    assert isinstance(events[0][1], Snapshot)
    assert text(events) == "1 2 3"
    roles = [(message.role, text_of(message.parts)) for message in provider.requests[-1].messages]
    assert roles == [("user", "hi"), ("assistant", "1 2")]
    reply = await stored(engine, sent.reply)
    assert (reply.status, reply.reason, text_of(reply.parts)) == ("completed", "stop", "1 2 3")
    assert reply.usage is not None
    assert reply.usage.completion_tokens == (3 if how == "length" else 1)


@pytest.mark.parametrize(
    "said", [(ThinkingChunk("hm"),), (ToolCallChunk("c", "f", {}),)], ids=["thinking", "a tool call"]
)
async def test_thinking_and_tool_calls_cannot_be_continued(
    engine: Engine, provider: FakeProvider, said: Chunk | tuple[Chunk, ...]
) -> None:
    assert isinstance(said, tuple)
    sent = await ended(engine, provider, "interrupted", said, "so")
    before = await stored(engine, sent.reply)
    with pytest.raises(CannotContinue):
        await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
    assert await stored(engine, sent.reply) == before


async def test_a_model_that_cannot_go_on_says_so(engine: Engine, provider: FakeProvider) -> None:
    sent = await ended(engine, provider, "interrupted", "1 2")
    provider.can_prefill = False
    await engine._cache.close()
    with pytest.raises(CannotContinue) as caught:
        await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
    assert "fake" in caught.value.message


async def test_an_answer_without_text_begins_anew(engine: Engine, provider: FakeProvider) -> None:
    provider.can_prefill = False
    sent = await ended(engine, provider, "stopped")
    again = await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
    provider.say("all", (DONE,))
    assert text(await read(engine, again.run.id)) == "all"
    assert [message.role for message in provider.requests[-1].messages] == ["user"]


async def test_what_goes_on_already_is_not_continued(engine: Engine, provider: FakeProvider) -> None:
    sent = await ended(engine, provider, "interrupted", "1")
    again = await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
    with pytest.raises(RunActive) as caught:
        await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
    assert caught.value.details["run_id"] == again.run.id


async def test_a_retried_continue_is_one_run_whatever_has_become_of_it(engine: Engine, provider: FakeProvider) -> None:
    sent = await ended(engine, provider, "stopped")
    wish = Again(sent.reply.chat_id, sent.reply.id, key="k")
    first = await engine.runs.resume(OWNER, wish)
    assert (await engine.runs.resume(OWNER, wish)).run.id == first.run.id
    provider.say((ThinkingChunk("hm"),), "done", (DONE,))
    await settled(engine)
    again = await engine.runs.resume(OWNER, wish)
    assert (again.run.id, again.run.state, again.reply.status) == (first.run.id, "completed", "completed")


async def test_an_answer_is_continued_again_and_again(engine: Engine, provider: FakeProvider) -> None:
    sent = await ended(engine, provider, "interrupted", "1")
    for n in range(2, 6):
        again = await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id))
        provider.say(f" {n}", None)
        assert text(await read(engine, again.run.id)) == " ".join(str(each) for each in range(1, n + 1))
        await settled(engine)
    marks = (await stored(engine, sent.reply)).continuations
    assert [mark.offset for mark in marks] == [1, 3, 5, 7]


async def test_a_model_that_is_gone_is_told_by_the_run_and_the_text_stays(
    engine: Engine, provider: FakeProvider
) -> None:
    sent = await ended(engine, provider, "interrupted", "1 2")
    again = await engine.runs.resume(OWNER, Again(sent.reply.chat_id, sent.reply.id, model="gone"))
    error = end(await read(engine, again.run.id)).error
    assert error is not None
    assert error.code == ModelNotFound.code
    assert text_of((await stored(engine, sent.reply)).parts) == "1 2"
