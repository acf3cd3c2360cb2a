"""What a reader of a run sees."""

from __future__ import annotations

import asyncio

from jupyter_aichat.domain.event import Event, RunFinished, Snapshot, TextDelta, decode_event
from jupyter_aichat.domain.ids import OwnerId, RunId
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.engine.engine import Engine

OWNER = OwnerId("ada")


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
