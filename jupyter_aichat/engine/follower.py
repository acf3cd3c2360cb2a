"""How one reader follows a run of another process: by what the bus brings, and by the store where that is silent or torn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque

from jupyter_aichat.bus.base import Bus, Entry, Unsubscribe, is_whole
from jupyter_aichat.domain.event import Event, RunFinished, Snapshot, TextDelta, ThinkingDelta, ToolCall, encode_event
from jupyter_aichat.domain.ids import OwnerId, RunId
from jupyter_aichat.domain.part import ToolCallPart
from jupyter_aichat.domain.run import Run, Segment, epoch_of
from jupyter_aichat.engine.log import EncodedEvent
from jupyter_aichat.engine.reader import Reader
from jupyter_aichat.engine.sources import encoded, ending_of, read_log
from jupyter_aichat.errors import AIChatError, NotFound
from jupyter_aichat.stores.base import Store

POLL_S = 0.25
LOOK_S = 1.0
_KEPT = 1000
_KEPT_BYTES = 256 * 1024


class Follower:
    """One reader's view of a run of another process: from the bus where that has it, else from the store.

    The bus brings entries as they come. The store is asked where the log does not reach back to the reader's place or
    has a hole, and when the run was silent for as long as `Bus.silence_s` says: then it tells whether it has ended. The
    store keeps text by the checkpoint, and a reader that comes from elsewhere has seen any part of one; so its first news
    from the store is a snapshot, and only what follows that are deltas. Few events are kept here: a reader that does not
    take them is left alone until it does, and then goes on from its place in the log.
    """

    def __init__(self, store: Store, bus: Bus, owner: OwnerId, run: Run, log: logging.Logger) -> None:
        self._store, self._bus, self._owner, self._run, self._log = store, bus, owner, run, log
        self._events: deque[EncodedEvent] = deque()
        self._size = 0
        self._after: int | None = None
        self._checkpoint: int | None = None
        self._unfollow: Unsubscribe | None = None
        self._hole = False
        self._heard_at = 0.0
        self._ask_at = 0.0
        self._stirred = asyncio.Event()
        self._reader: Reader | None = None
        self._task: asyncio.Task[None] | None = None
        self.ending: EncodedEvent | None = None

    def reads(self, run_id: RunId) -> bool:
        """Whether somebody still reads this run."""
        return run_id == self._run.id and self._task is not None and not self._task.done()

    # What the reader does

    def read(self, after: int | None, limit: int) -> list[EncodedEvent]:
        """See `Source.read`."""
        found = []
        while self._events and limit > 0:
            event = self._events.popleft()
            self._size -= len(event.data)
            if after is None or event.seq > after or event.last:
                found.append(event)
                limit -= len(event.data)
        if not self._events and self._unfollow is None:
            self._stirred.set()
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
        self._pause()
        if self._task is not None:
            self._task.cancel()

    # What the bus brings

    def _take(self, entries: tuple[Entry, ...]) -> None:
        assert self._after is not None
        new = [entry for entry in entries if entry.seq > self._after]
        if not is_whole(new, self._after):
            self._hole = True
            self._pause()
            self._stirred.set()
            return
        for entry in new:
            self._put(encoded(entry))
            if self._full:  # the rest is read again from there
                self._pause()
                break
        self._heard_at = asyncio.get_running_loop().time()
        if self.ending is not None:
            self._pause()
            self._stirred.set()
        self._tell()

    @property
    def _full(self) -> bool:
        return len(self._events) >= _KEPT or self._size >= _KEPT_BYTES

    def _pause(self) -> None:
        if self._unfollow is not None:
            self._unfollow()
            self._unfollow = None

    def _tell(self) -> None:
        if self._events and self._reader is not None:
            self._reader.notify()

    # What is left to a task: when to ask the store

    async def _follow(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if self._after is not None and await read_log(self._bus, self._run.id, self._after, self._log, 1) is None:
            self._hole = True
        while self.ending is None:
            self._stirred.clear()
            if not self._full:
                if self._after is None or self._hole or self._silence() >= self._bus.silence_s:
                    await self._ask_store()
                if self._unfollow is None and self._after is not None and self.ending is None:
                    self._unfollow = self._bus.follow(self._run.id, self._after, self._take)
            self._tell()
            if self.ending is None:
                await self._rest()
        self._pause()

    def _silence(self) -> float:
        return asyncio.get_running_loop().time() - self._heard_at

    async def _rest(self) -> None:
        """Wait until there may be something to do."""
        due = LOOK_S if self._full else 0.0 if self._hole else self._bus.silence_s - self._silence()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(due, LOOK_S)):
                await self._stirred.wait()

    async def _ask_store(self) -> None:
        now = asyncio.get_running_loop().time
        await asyncio.sleep(self._ask_at - now())
        self._hole, pause_s = False, POLL_S
        try:
            await self._look_at_store()
        except NotFound:
            gone = RunFinished("stopped", "deleted")
            self._put(EncodedEvent((self._after or 0) + 1, encode_event(gone), last=True))
        except AIChatError as error:
            self._log.debug("Run %s cannot be followed right now: %s", self._run.id, error.code)
            self._hole, pause_s = True, LOOK_S
        self._heard_at = now()
        self._ask_at = self._heard_at + pause_s

    async def _look_at_store(self) -> None:
        progress = await self._store.progress(self._owner, self._run.id, self._after or 0)
        if progress.record.run.ended:
            await self._put_end(progress.record.run)
        elif self._after is None or (progress.segments and not self._goes_on(progress.segments, self._after)):
            await self._put_snapshot()
        else:
            for segment in progress.segments:
                self._put(EncodedEvent(segment.seq, encode_event(_event_of(segment))))
                self._checkpoint = segment.seq

    def _goes_on(self, segments: tuple[Segment, ...], after: int) -> bool:
        """Whether the segments begin where the reader is: it has seen a checkpoint's end, and the owner is the same."""
        return after == self._checkpoint and all(segment.epoch == epoch_of(after) or after == 0 for segment in segments)

    async def _put_snapshot(self) -> None:
        message = await self._store.get_message(self._owner, self._run.chat_id, self._run.message_id)
        if message.run_id == self._run.id and (self._after is None or message.seq > self._after):
            self._put(EncodedEvent(message.seq, encode_event(Snapshot(message))))
            self._checkpoint = message.seq

    async def _put_end(self, run: Run) -> None:
        if self._after is None or self._after < run.seq - 1:
            message = await self._store.get_message(self._owner, run.chat_id, run.message_id)
            if message.run_id == run.id:  # else it was continued since by another run
                self._put(EncodedEvent(run.seq - 1, encode_event(Snapshot(message))))
        self._put(ending_of(run))

    def _put(self, event: EncodedEvent) -> None:
        if self.ending is not None or (self._after is not None and event.seq <= self._after and not event.last):
            return  # the bus was faster while the store answered
        self._events.append(event)
        self._size += len(event.data)
        self._after = event.seq
        if event.last:
            self.ending = event


def _event_of(segment: Segment) -> Event:
    if isinstance(segment.whole, ToolCallPart):
        return ToolCall(segment.whole.id, segment.whole.name, segment.whole.arguments)
    return TextDelta(segment.text) if segment.kind == "text" else ThinkingDelta(segment.text)
