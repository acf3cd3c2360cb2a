"""Where readers get a run that this process does not generate: one that has ended, or one of another process."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import msgspec

from jupyter_aichat.bus.base import Bus, Entry
from jupyter_aichat.domain.event import (
    Event,
    RunFinished,
    Snapshot,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    decode_event,
    encode_event,
)
from jupyter_aichat.domain.ids import OwnerId, RunId
from jupyter_aichat.domain.part import ToolCallPart
from jupyter_aichat.domain.run import ENDED, Run, Segment
from jupyter_aichat.engine.log import EncodedEvent
from jupyter_aichat.engine.reader import Reader
from jupyter_aichat.errors import AIChatError, BusUnavailable, NotFound
from jupyter_aichat.stores.base import Store

POLL_S = 1.0
_READ_ENTRIES = 500
_KEPT = 1000


def ending_of(run: Run) -> EncodedEvent:
    """Return the last event of a run that has ended, made from what the store says."""
    assert run.state in ENDED
    finished = RunFinished(run.state, run.reason, run.error, run.usage)  # type: ignore[arg-type]
    return EncodedEvent(run.seq, encode_event(finished), last=True)


class EndedRun:
    """A run that has ended: what is left of its log, or the whole message, then the end."""

    def __init__(self, run: Run, events: list[EncodedEvent]) -> None:
        self.ending = ending_of(run)
        self._events = [event for event in events if event.seq < run.seq]

    def read(self, after: int | None, limit: int) -> list[EncodedEvent]:
        """See `Source.read`."""
        found = []
        for event in (*self._events, self.ending):
            if after is None or event.seq > after:
                found.append(event)
                limit -= len(event.data)
                if limit <= 0:
                    break
        return found

    def attach(self, reader: Reader) -> None:
        """Nothing more will come."""

    def detach(self, reader: Reader) -> None:
        """Nothing to forget."""


class Follower:
    """One reader's view of a run of another process: from the bus where that has it, else from the store.

    Looks once a second, and whenever it is woken. Keeps few events; while the reader does not take them, it does not
    look either.
    """

    def __init__(self, store: Store, bus: Bus, owner: OwnerId, run: Run, log: logging.Logger) -> None:
        self._store, self._bus, self._owner, self._run, self._log = store, bus, owner, run, log
        self._events: deque[EncodedEvent] = deque()
        self._after: int | None = None
        self._reader: Reader | None = None
        self._task: asyncio.Task[None] | None = None
        self.ending: EncodedEvent | None = None

    def read(self, after: int | None, limit: int) -> list[EncodedEvent]:
        """See `Source.read`."""
        found = []
        while self._events and limit > 0:
            event = self._events.popleft()
            if after is None or event.seq > after or event.last:
                found.append(event)
                limit -= len(event.data)
        return found

    def start(self, after: int | None) -> None:
        """Begin to follow from a place; None begins with a snapshot."""
        self._after = after
        self._task = asyncio.create_task(self._follow(), name=f"aichat-follow-{self._run.id}")

    def attach(self, reader: Reader) -> None:
        """Wake this reader; a follower has one."""
        self._reader = reader

    def detach(self, reader: Reader) -> None:  # noqa: ARG002 (the port names it)
        """Stop following."""
        if self._task is not None:
            self._task.cancel()

    async def _follow(self) -> None:
        while self.ending is None:
            if len(self._events) < _KEPT:
                try:
                    await self._look()
                except NotFound:
                    gone = RunFinished("stopped", "deleted")
                    self._put(EncodedEvent((self._after or 0) + 1, encode_event(gone), last=True))
                except AIChatError as error:
                    self._log.warning("Run %s cannot be followed right now: %s", self._run.id, error.code)
            if self._events and self._reader is not None:
                self._reader.notify()
            await asyncio.sleep(POLL_S)

    async def _look(self) -> None:
        if self._after is None or not await self._look_at_bus(self._after):
            await self._look_at_store()

    async def _look_at_bus(self, after: int) -> bool:
        entries = await read_log(self._bus, self._run.id, after, self._log)
        for entry in entries or ():
            self._put(encoded(entry))
        return bool(entries)

    async def _look_at_store(self) -> None:
        progress = await self._store.progress(self._owner, self._run.id, self._after or 0)
        run = progress.record.run
        restarted = self._after is not None and progress.record.epoch > self._after >> 32 > 0
        if self._after is None or restarted or run.ended:
            if run.ended and self._after is not None and self._after >= run.seq:
                self._put(ending_of(run))
                return
            await self._put_snapshot(run)
        else:
            for segment in progress.segments:
                self._put(EncodedEvent(segment.seq, encode_event(_event_of(segment))))
        if run.ended:
            self._put(ending_of(run))

    async def _put_snapshot(self, run: Run) -> None:
        message = await self._store.get_message(self._owner, run.chat_id, run.message_id)
        seq = min(message.seq, run.seq - 1) if run.ended else message.seq
        self._put(EncodedEvent(seq, encode_event(Snapshot(msgspec.structs.replace(message, seq=seq)))))

    def _put(self, event: EncodedEvent) -> None:
        self._events.append(event)
        self._after = event.seq
        if event.last:
            self.ending = event


def _event_of(segment: Segment) -> Event:
    if isinstance(segment.whole, ToolCallPart):
        return ToolCall(segment.whole.id, segment.whole.name, segment.whole.arguments)
    return TextDelta(segment.text) if segment.kind == "text" else ThinkingDelta(segment.text)


def encoded(entry: Entry) -> EncodedEvent:
    """Return a log entry as an event, the end marked."""
    return EncodedEvent(entry.seq, entry.data, isinstance(decode_event(entry.data), RunFinished))


async def read_log(bus: Bus, run_id: RunId, after: int, log: logging.Logger) -> tuple[Entry, ...] | None:
    """Read from the bus; one that is away has nothing."""
    try:
        return await bus.read(run_id, after, _READ_ENTRIES)
    except BusUnavailable:
        log.warning("The bus does not answer; run %s is read from the store", run_id)
        return None
