"""DESIGN of a run, 9: the runs of a replica that is gone go on in exactly one other, or end honestly."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_aichat.domain.event import RunFinished, RunStarted, Snapshot
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.requests import Again, Send
from jupyter_aichat.providers.base import Chunk, FinishedChunk, ThinkingChunk, ToolCallChunk
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text, until
from tests.engine.conftest import Replicas
from tests.engine.replicas import freeze, kill
from tests.fakes import DONE, FakeProvider


async def test_an_answer_goes_on_from_its_text_and_nothing_is_lost(replicas: Replicas, provider: FakeProvider) -> None:
    """Checkpoint and rest of the log together are whole, and readers elsewhere miss nothing."""
    first, second, third = replicas.engines
    sent = await ask(first)
    following = asyncio.create_task(read(third, sent.run.id))
    provider.say("checkpointed ")
    await replicas.until_stored(sent, "checkpointed ")
    provider.say("logged ")
    await replicas.until_logged(sent, "logged ")
    assert text_of((await second._store.get_message(OWNER, sent.reply.chat_id, sent.reply.id)).parts) == "checkpointed "
    await kill(first, replicas.dead)
    await until(lambda: provider.active == 1 and len(provider.requests) == 2)
    roles = [(message.role, text_of(message.parts)) for message in provider.requests[-1].messages]
    assert roles == [("user", "hi"), ("assistant", "checkpointed logged ")]
    provider.say("and ")
    await replicas.until_logged(sent, "and ")
    provider.say("on", (DONE,))
    events = await following
    assert (text(events), end(events).state) == ("checkpointed logged and on", "completed")
    taken = [seq for seq, event in events if isinstance(event, Snapshot)]
    assert taken == [(2 << 32) + 1]
    reply = await stored(second, sent.reply)
    assert (reply.status, text_of(reply.parts)) == ("completed", "checkpointed logged and on")
    assert [(mark.part, mark.offset, mark.cause) for mark in reply.continuations] == [(0, 20, "takeover")]


async def test_of_all_that_look_exactly_one_goes_on(replicas: Replicas, provider: FakeProvider) -> None:
    first, *others = replicas.engines
    sent = [await ask(first) for _ in range(20)]
    await until(lambda: provider.active == 20)
    await kill(first, replicas.dead)
    await asyncio.gather(*(other._instance._sweeper.look_at_others() for other in others for _ in range(3)))
    await until(lambda: provider.active == 20)
    assert sum(other.active_runs for other in others) == 20
    for each in sent:
        assert (await others[0]._store.get_run(OWNER, each.run.id)).epoch == 2
    provider.say(*[("x", DONE)[1:]] * 20)
    for other in others:
        await settled(other)
    assert len(provider.requests) == 40


async def test_an_answer_without_text_is_begun_again(replicas: Replicas, provider: FakeProvider) -> None:
    first, second, _ = replicas.engines
    provider.can_prefill = False
    sent = await ask(first)
    await until(lambda: provider.active == 1)
    await kill(first, replicas.dead)
    await until(lambda: len(provider.requests) == 2)
    provider.say("all of it", (DONE,))
    events = await read(second, sent.run.id)
    assert (text(events), end(events).state) == ("all of it", "completed")
    assert [message.role for message in provider.requests[-1].messages] == ["user"]
    assert (await stored(second, sent.reply)).continuations == ()


@pytest.mark.parametrize(
    "said",
    [(ThinkingChunk("hm"),), (ToolCallChunk("c", "f", {}),)],
    ids=["thinking", "a tool call"],
)
async def test_what_is_more_than_text_ends_with_all_that_was_said(
    replicas: Replicas, provider: FakeProvider, said: tuple[Chunk, ...]
) -> None:
    first, second, third = replicas.engines
    sent = await ask(first)
    following = asyncio.create_task(read(third, sent.run.id))
    provider.say(said, "so")
    await replicas.until_logged(sent, "so")
    await kill(first, replicas.dead)
    events = await following
    assert (end(events).state, end(events).reason) == ("interrupted", "server_restarted")
    reply = await stored(second, sent.reply)
    assert (reply.status, len(reply.parts), text_of(reply.parts)) == ("interrupted", 2, "so")
    assert len(provider.requests) == 1


@pytest.mark.parametrize("why", ["the model cannot", "gone for over a minute", "nobody knows for how long"])
async def test_what_cannot_go_on_is_interrupted_with_its_text(
    replicas: Replicas, provider: FakeProvider, why: str
) -> None:
    first, second, _ = replicas.engines
    provider.can_prefill = why != "the model cannot"
    sent = await ask(first)
    provider.say("half")
    await replicas.until_logged(sent, "half")
    freeze(first)
    gone = {"gone for over a minute": 61.0, "nobody knows for how long": None}.get(why, 8.0)
    replicas.dead[first._instance._id] = gone
    events = await read(second, sent.run.id)
    assert (end(events).state, text(events)) == ("interrupted", "half")
    assert (await stored(second, sent.reply)).status == "interrupted"
    assert len(provider.requests) == 1


async def test_what_was_to_stop_is_stopped_before_anything_is_asked(replicas: Replicas, provider: FakeProvider) -> None:
    first, second, _ = replicas.engines
    sent = await ask(first)
    provider.say("half")
    await replicas.until_logged(sent, "half")
    freeze(first)
    await second.runs.stop(OWNER, sent.run.id)
    await kill(first, replicas.dead)
    events = await read(second, sent.run.id)
    assert (end(events).state, end(events).reason, text(events)) == ("stopped", "user", "half")
    assert len(provider.requests) == 1


async def test_what_ended_or_was_deleted_is_left_alone(replicas: Replicas, provider: FakeProvider) -> None:
    first, second, _ = replicas.engines
    done = await ask(first)
    provider.say("done", (DONE,))
    await settled(first)
    before = await stored(second, done.reply)
    gone = await ask(first)
    await until(lambda: provider.active == 1)
    freeze(first)
    await second.chats.delete(OWNER, gone.reply.chat_id)
    await kill(first, replicas.dead)
    await until(lambda: not replicas.dead)
    assert await stored(second, done.reply) == before
    assert (second.active_runs, len(provider.requests)) == (0, 2)


async def test_what_was_said_counts(replicas: Replicas, provider: FakeProvider) -> None:
    """``num_predict`` less the tokens already there; the usage summed."""
    first, second, _ = replicas.engines
    sent = await first.runs.send(OWNER, Send((TextPart("hi"),), options=Options(num_predict=100)))
    provider.say("x" * 180)
    await replicas.until_logged(sent, "x" * 180)
    await kill(first, replicas.dead)
    await until(lambda: len(provider.requests) == 2)
    asked = provider.requests[-1].options.num_predict
    assert asked is not None
    assert 100 - 60 <= asked <= 100 - 45
    provider.say((FinishedChunk("stop", Usage(prompt_tokens=70, completion_tokens=7)),))
    await read(second, sent.run.id)
    usage = (await stored(second, sent.reply)).usage
    assert usage is not None
    assert usage.completion_tokens == 100 - asked + 7


async def test_who_has_said_all_that_was_asked_for_is_complete(replicas: Replicas, provider: FakeProvider) -> None:
    first, second, _ = replicas.engines
    sent = await first.runs.send(OWNER, Send((TextPart("hi"),), options=Options(num_predict=10)))
    provider.say("x" * 100)
    await replicas.until_logged(sent, "x" * 100)
    await kill(first, replicas.dead)
    events = await read(second, sent.run.id)
    assert (end(events).state, end(events).reason) == ("completed", "length")
    assert len(provider.requests) == 1


async def test_it_goes_on_however_often_a_replica_dies(replicas: Replicas, provider: FakeProvider) -> None:
    first, *rest = replicas.engines
    sent = await ask(first)
    owner, so_far = first, ""
    for n in range(3):
        provider.say(f"{n} ")
        so_far += f"{n} "
        await replicas.until_logged(sent, f"{n} ")
        if not rest:
            break
        await kill(owner, replicas.dead)
        await until(lambda n=n: len(provider.requests) == n + 2)  # type: ignore[misc]
        owner = next(each for each in rest if each.active_runs)
        rest.remove(owner)
    provider.say((DONE,))
    events = await read(owner, sent.run.id, None)
    assert (text(events), end(events).state) == ("0 1 2 ", "completed")
    assert [mark.offset for mark in (await stored(owner, sent.reply)).continuations] == [2, 4]


async def test_who_dies_in_the_middle_of_taking_over_loses_nothing(replicas: Replicas, provider: FakeProvider) -> None:
    """A taker that had claimed, and written nothing yet."""
    first, second, third = replicas.engines
    sent = await ask(first)
    provider.say("checkpointed ")
    await replicas.until_stored(sent, "checkpointed ")
    provider.say("logged ")
    await replicas.until_logged(sent, "logged ")
    freeze(first)
    freeze(second)
    assert await second._store.claim(OWNER, sent.run.id, 1, second._instance._id) is not None
    replicas.dead[second._instance._id] = 9.0
    await until(lambda: len(provider.requests) == 2)
    provider.say("and on", (DONE,))
    events = await read(third, sent.run.id)
    assert (text(events), end(events).state) == ("checkpointed logged and on", "completed")


async def test_a_continued_answer_is_continued_again(replicas: Replicas, provider: FakeProvider) -> None:
    """What a person let go on is one run; only what that one said counts against its bound."""
    first, second, _ = replicas.engines
    sent = await ask(first)
    provider.say("x" * 360, None)
    await settled(first)
    wish = Again(sent.reply.chat_id, sent.reply.id, options=Options(num_predict=50))
    again = await first.runs.resume(OWNER, wish)
    await until(lambda: provider.active == 1)
    provider.say("y" * 36)
    await replicas.until_logged(again, "y" * 36)
    await kill(first, replicas.dead)
    await until(lambda: len(provider.requests) == 3)
    asked = provider.requests[-1].options.num_predict
    assert asked is not None
    assert 30 <= asked <= 42
    provider.say("z", (DONE,))
    events = await read(second, again.run.id)
    assert text(events) == "x" * 360 + "y" * 36 + "z"
    causes = [(mark.offset, mark.cause) for mark in (await stored(second, sent.reply)).continuations]
    assert causes == [(360, "user"), (396, "takeover")]


async def test_an_end_that_only_the_log_knows_is_the_end(replicas: Replicas, provider: FakeProvider) -> None:
    """Readers were told; the store was away."""
    first, second, _ = replicas.engines
    sent = await ask(first)
    provider.say("all")
    await replicas.until_logged(sent, "all")
    live = first._workers.find(sent.run.id)
    assert live is not None
    live.finish(RunFinished("stopped", "too_long"))
    await first._journal.drain()
    await kill(first, replicas.dead)
    async with asyncio.timeout(5):
        while (reply := await stored(second, sent.reply)).status in ("pending", "streaming"):
            await asyncio.sleep(0.02)
    assert (reply.status, reply.reason, text_of(reply.parts)) == ("stopped", "too_long", "all")
    assert len(provider.requests) == 1


async def test_a_store_that_fails_in_the_middle_costs_a_while_only(replicas: Replicas, provider: FakeProvider) -> None:
    first, second, third = replicas.engines
    freeze(third)
    sent = await ask(first)
    provider.say("half ")
    await replicas.until_logged(sent, "half ")
    taken = replicas.fail_once(second, "take_up")
    await kill(first, replicas.dead)
    await asyncio.wait_for(taken.wait(), 5)
    for _ in range(2):
        await second._instance._sweeper.look_at_own()
    await until(lambda: len(provider.requests) == 2)
    provider.say("whole", (DONE,))
    events = await read(second, sent.run.id)
    assert (text(events), end(events).state) == ("half whole", "completed")
    assert any(isinstance(event, RunStarted) for _, event in events)
