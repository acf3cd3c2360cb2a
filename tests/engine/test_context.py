"""What of a long chat a model is given: told in the run's events, and what its server cut is noticed."""

from __future__ import annotations

import pytest

from jupyter_aichat.domain.event import Context
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Send
from jupyter_aichat.providers.base import FinishedChunk
from tests.engine.collect import OWNER, ask, read, settled
from tests.fakes import DONE, FakeProvider


async def contexts(engine: Engine, run_id: str) -> list[Context]:
    return [event for _, event in await read(engine, run_id) if isinstance(event, Context)]  # type: ignore[arg-type]


async def test_the_system_prompt_and_the_newest_message_are_always_sent(engine: Engine, provider: FakeProvider) -> None:
    """The newest alone is larger than the window."""
    first = await ask(engine, "old question")
    provider.say("old answer", (DONE,))
    await settled(engine)
    long = "word " * 5000
    sent = await engine.runs.send(
        OWNER, Send((TextPart(long),), chat_id=first.reply.chat_id, options=Options(system="Be brief."))
    )
    provider.say((DONE,))
    (told,) = await contexts(engine, sent.run.id)
    assert (told.sent, told.left_out) == (1, 2)
    messages = provider.requests[-1].messages
    assert [message.role for message in messages] == ["system", "user"]
    assert (text_of(messages[0].parts), text_of(messages[1].parts)) == ("Be brief.", long)


async def test_the_oldest_are_left_out_and_it_is_told(engine: Engine, provider: FakeProvider) -> None:
    sent = await ask(engine, "q0 " + "x" * 300)
    for n in range(1, 12):
        provider.say(f"a{n} " + "y" * 300, (DONE,))
        await settled(engine)
        sent = await ask(engine, f"q{n} " + "x" * 300, chat=sent.reply.chat_id)
    provider.say((DONE,))
    (told,) = await contexts(engine, sent.run.id)
    assert told.sent + told.left_out == 23
    assert told.left_out > 0
    assert told.tokens <= told.budget < provider.num_ctx
    sent_messages = provider.requests[-1].messages
    assert len(sent_messages) == told.sent
    assert text_of(sent_messages[-1].parts).startswith("q11 ")
    assert provider.requests[-1].num_ctx == provider.num_ctx


@pytest.mark.parametrize(("counted", "cut"), [(150, True), (1000, True), (900, False)])
async def test_what_the_server_cut_without_a_word_is_noticed(
    engine: Engine, provider: FakeProvider, counted: int, cut: bool
) -> None:
    sent = await ask(engine, "word " * 640)
    provider.say("a", (FinishedChunk("stop", Usage(prompt_tokens=counted, completion_tokens=1)),))
    told = await contexts(engine, sent.run.id)
    assert [context.cut for context in told] == ([False, True] if cut else [False])
