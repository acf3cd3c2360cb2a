"""No wall clock decides anything: it may jump by years in either direction, in one process or all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

import pytest

from jupyter_aichat.domain import clock
from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.engine.engine import Engine
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text, until
from tests.engine.conftest import Replicas
from tests.engine.replicas import kill
from tests.fakes import DONE, FakeProvider


class Jumping(datetime):
    """A clock that a test sets."""

    shift = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.shift


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Jumping]]:
    monkeypatch.setattr(clock, "datetime", Jumping)
    yield Jumping
    Jumping.shift = timedelta()


@pytest.mark.parametrize("years", [-20, 20])
async def test_a_jump_ends_no_run_loses_no_text_and_changes_no_order(
    engine: Engine, other: Engine, provider: FakeProvider, jumping: type[Jumping], years: int
) -> None:
    heard: list[Change] = []
    other.watch(OWNER, heard.append)
    first = await ask(engine)
    provider.say("first", (DONE,))
    await settled(engine)
    sent = await ask(engine, "second", chat=first.reply.chat_id)
    following = asyncio.create_task(read(other, sent.run.id))
    provider.say("before ")
    await asyncio.sleep(1.1)
    jumping.shift = timedelta(days=365 * years)
    for process in (engine, other):
        await process._instance._sweep()
    provider.say("after")
    await asyncio.sleep(1.1)
    provider.say((DONE,))
    events = await following
    assert (text(events), end(events).state) == ("before after", "completed")
    await settled(engine)
    third = await ask(engine, "third", chat=first.reply.chat_id)
    assert third.message.parent_id == sent.reply.id
    provider.say("last", (DONE,))
    await settled(engine)
    assert (await stored(engine, sent.reply)).status == "completed"
    page = await engine.chats.messages(OWNER, first.reply.chat_id, None, 9)
    assert [text_of(each.parts) for each in page.items] == ["hi", "first", "second", "before after", "third", "last"]
    await until(lambda: [change.run_id for change in heard if change.run_id][-1:] == [third.run.id], 3)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_jump_takes_no_run_from_the_living_and_keeps_none_of_the_dead(
    replicas: Replicas, provider: FakeProvider, jumping: type[Jumping], hours: int
) -> None:
    first, second, _ = replicas.engines
    sent = await ask(first)
    provider.say("before ")
    await replicas.until_logged(sent, "before ")
    jumping.shift = timedelta(hours=hours)
    await asyncio.sleep(1.1)  # a look of each of them
    assert first._lease.held
    assert (first.active_runs, provider.closed) == (1, 0)
    await kill(first, replicas.dead)
    await until(lambda: len(provider.requests) == 2)
    jumping.shift = timedelta()
    provider.say("after", (DONE,))
    events = await read(second, sent.run.id, None)
    assert (text(events), end(events).state) == ("before after", "completed")
