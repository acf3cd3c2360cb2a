"""Asking, and what a reader of a run sees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jupyter_aichat.domain.event import Event, RunFinished, Snapshot, TextDelta, decode_event
from jupyter_aichat.domain.ids import ChatId, OwnerId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Send, Sent

OWNER = OwnerId("ada")


async def ask(engine: Engine, words: str = "hi", chat: ChatId | None = None, key: str | None = None) -> Sent:
    return await engine.runs.send(OWNER, Send((TextPart(words),), chat_id=chat, key=key))


async def stored(engine: Engine, message: Message) -> Message:
    page = await engine.chats.messages(OWNER, message.chat_id, None, 100)
    return next(each for each in page.items if each.id == message.id)


async def settled(engine: Engine) -> None:
    for _ in range(200):
        if not engine.active_runs:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("a run goes on")


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def read(
    engine: Engine, run_id: RunId, after: int | None = 0, until: int | None = None, owner: OwnerId = OWNER
) -> list[tuple[int, Event]]:
    """Read a run to its end, or until `until` events are there."""
    woken = asyncio.Event()
    reader = await engine.runs.read(owner, run_id, after, woken.set)
    seen: list[tuple[int, Event]] = []
    try:
        while not reader.finished and (until is None or len(seen) < until):
            await asyncio.wait_for(woken.wait(), 8)
            woken.clear()
            while events := reader.take():
                seen += [(event.seq, decode_event(event.data)) for event in events]
    finally:
        reader.close()
    return seen


def text(events: list[tuple[int, Event]]) -> str:
    """The text that a reader has after these events."""
    so_far = ""
    for _, event in events:
        if isinstance(event, Snapshot):
            so_far = text_of(event.message.parts)
        elif isinstance(event, TextDelta):
            so_far += event.text
    return so_far


def end(events: list[tuple[int, Event]]) -> RunFinished:
    """The last event."""
    last = events[-1][1]
    assert isinstance(last, RunFinished)
    return last
