"""DESIGN of a run, 2 and 8: who stops in an orderly way hands its runs over at once."""

from __future__ import annotations

import asyncio
import time

from jupyter_aichat.domain.part import text_of
from tests.engine.collect import ask, end, read, stored, text, until
from tests.engine.conftest import Replicas
from tests.engine.replicas import freeze
from tests.fakes import DONE, FakeProvider


async def test_a_stopping_replica_hands_over_at_once(replicas: Replicas, provider: FakeProvider) -> None:
    first, second, third = replicas.engines
    freeze(third)
    sent = await ask(first)
    following = asyncio.create_task(read(second, sent.run.id))
    provider.say("before ")
    await until(lambda: first._workers.find(sent.run.id).size)  # type: ignore[union-attr]
    begun = time.monotonic()
    await first.stop()
    assert provider.closed == 1
    await until(lambda: provider.active == 1, 1)
    assert time.monotonic() - begun < 1
    provider.say("after", (DONE,))
    events = await following
    assert (text(events), end(events).state) == ("before after", "completed")
    reply = await stored(second, sent.reply)
    assert (reply.status, text_of(reply.parts)) == ("completed", "before after")
    assert [mark.cause for mark in reply.continuations] == ["takeover"]


async def test_fifty_runs_are_handed_over(replicas: Replicas, provider: FakeProvider) -> None:
    first, *others = replicas.engines
    sent = [await ask(first) for _ in range(50)]
    await until(lambda: provider.active == 50)
    await first.stop()
    await until(lambda: sum(other.active_runs for other in others) == 50)
    provider.say(*[(DONE,)] * 50)
    for each in sent:
        assert end(await read(others[0], each.run.id)).state == "completed"


async def test_without_others_a_run_waits_for_the_next_to_start(replicas: Replicas, provider: FakeProvider) -> None:
    first, *others = replicas.engines
    for other in others:
        await other.stop()
    sent = await ask(first)
    provider.say("before ")
    await replicas.until_logged(sent, "before ")
    await first.stop()
    assert provider.active == 0
    replicas.bus.empty()  # it need not have outlived them
    next_one = replicas.make()
    await next_one.start()
    await until(lambda: provider.active == 1)
    provider.say("after", (DONE,))
    events = await read(next_one, sent.run.id)
    assert (text(events), end(events).state) == ("before after", "completed")


async def test_after_a_minute_nobody_waits_any_more(replicas: Replicas, provider: FakeProvider) -> None:
    first, *others = replicas.engines
    for other in others:
        await other.stop()
    sent = await ask(first)
    provider.say("before")
    await replicas.until_logged(sent, "before")
    await first.stop()
    replicas.dead[first._instance._id] = 61.0
    next_one = replicas.make()
    await next_one.start()
    events = await read(next_one, sent.run.id)
    assert (text(events), end(events).state, end(events).reason) == ("before", "interrupted", "server_restarted")
