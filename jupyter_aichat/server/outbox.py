"""The writing end of one connection: everything that leaves goes through here, joined and at the reader's own speed.

Events are not queued: each run that is followed has a cursor into its log, and is asked only when the connection takes
more. So a slow reader holds one write of at most about `CHUNK` bytes, however long the answer. All that is ready
leaves in one write, which is what makes bursts cheap.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

from jupyter_aichat.engine.log import EncodedEvent

CHUNK = 256 * 1024
TURN = 32 * 1024
"""How many bytes a run may send before the next one has its turn."""
LATER_S = 0.1
MAX_POSTED = 1000
ROOM = 100

Encode = Callable[[int, bytes], bytes]
Write = Callable[[list[bytes]], "asyncio.Future[None] | None"]


class Source(Protocol):
    """A cursor into a run: the engine's `Reader`."""

    finished: bool

    def take(self, limit: int) -> list[EncodedEvent]:
        """Return what is ready."""
        ...

    def close(self) -> None:
        """Stop reading."""


class Stream:
    """One run on one connection. ``on_end`` is called after its last event was written."""

    __slots__ = ("_encode", "_outbox", "_source", "dropped", "on_end", "queued")

    def __init__(self, outbox: Outbox, encode: Encode, on_end: Callable[[], object]) -> None:
        self._outbox, self._encode, self.on_end = outbox, encode, on_end
        self._source: Source | None = None
        self.queued = self.dropped = False

    def wake(self) -> None:
        """Say that the source has more; it leaves at once, since a step of the loop is a tenth of what a token costs."""
        if self._source is not None and not self.queued and not self.dropped:
            self.queued = True
            self._outbox.enqueue(self, at_once=True)

    def attach(self, source: Source) -> None:
        """Begin to send what the source has; it is closed if the stream was dropped meanwhile."""
        if self.dropped:
            source.close()
            return
        self._source = source
        self.queued = True
        self._outbox.enqueue(self)  # what its asker posts first, leaves first

    def take(self) -> list[bytes]:
        """Return the frames that are ready, a turn's worth."""
        if self.dropped or self._source is None:
            return []
        encode = self._encode
        return [encode(event.seq, event.data) for event in self._source.take(TURN)]

    @property
    def finished(self) -> bool:
        """Whether the last event was taken."""
        return self._source is not None and self._source.finished

    def drop(self) -> None:
        """Send no more."""
        self.dropped = True
        if self._source is not None:
            self._source.close()


class Outbox:
    """Sends posted frames and the events of streams.

    Parameters
    ----------
    write
        Writes frames to the connection and returns None if all has left, else a future; is called again only when that
        is done. Raises `StreamClosedError` or `WebSocketClosedError` where the connection is gone.
    on_overflow
        Called once when so much was posted that the reader cannot be alive.
    """

    def __init__(self, write: Write, on_overflow: Callable[[], None]) -> None:
        self._write, self._on_overflow = write, on_overflow
        self._loop = asyncio.get_running_loop()
        self._posted: list[bytes] = []
        self._ready: deque[Stream] = deque()
        self._streams: set[Stream] = set()
        self._writing: asyncio.Future[None] | None = None
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self.closed = False

    def post(self, frame: bytes) -> None:
        """Send a frame, before all events that have not left yet."""
        if self._put(frame):
            self._schedule()

    def post_later(self, frame: bytes) -> None:
        """Send a frame with the next write, or `LATER_S` seconds from now: a news to many costs no write for each."""
        if self._put(frame) and self._timer is None:
            self._timer = self._loop.call_later(LATER_S, self._on_timer)

    def _put(self, frame: bytes) -> bool:
        if not self.closed:
            self._posted.append(frame)
            if len(self._posted) > MAX_POSTED:
                self.close()
                self._on_overflow()
        return not self.closed

    def _on_timer(self) -> None:
        self._timer = None
        if self._posted:
            self._schedule()

    def stream(self, encode: Encode, on_end: Callable[[], object]) -> Stream:
        """Return a new stream; give it a source with `Stream.attach`."""
        stream = Stream(self, encode, on_end)
        stream.dropped = self.closed
        self._streams.add(stream)
        return stream

    def drop(self, stream: Stream) -> None:
        """Send no more of a stream."""
        stream.drop()
        self._streams.discard(stream)

    def enqueue(self, stream: Stream, *, at_once: bool = False) -> None:
        """Ask a stream for its frames at the next flush, which may be `at_once`."""
        self._ready.append(stream)
        if at_once and not self._scheduled and self._writing is None:
            self.flush()
        else:
            self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled and self._writing is None:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what is ready, unless the last write has not left yet."""
        if self._writing is not None or self.closed:
            self._scheduled = False
            return
        self._scheduled = True  # what is woken while it is collected is collected too, or scheduled below
        ended: list[Stream] = []
        frames = self._collect(ended)
        self._scheduled = False
        if frames:
            self._send(frames)
        for stream in ended:
            self._streams.discard(stream)
            stream.on_end()

    def _collect(self, ended: list[Stream]) -> list[bytes]:
        frames, self._posted = self._posted, []
        ready, size = self._ready, 0
        while ready and size < CHUNK:
            stream = ready.popleft()
            taken = stream.take()
            if not taken:
                stream.queued = False
                continue
            frames += taken
            size += sum(map(len, taken))
            if stream.finished:
                ended.append(stream)
            else:
                ready.append(stream)
        return frames

    def _send(self, frames: list[bytes]) -> None:
        try:
            writing = self._write(frames)
        except (StreamClosedError, WebSocketClosedError):
            self.close()
            return
        if writing is not None:
            self._writing = writing
            writing.add_done_callback(self._written)
        elif self._ready:
            self._schedule()

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        if writing.cancelled() or writing.exception() is not None:
            self.close()
        else:
            self.flush()

    async def room(self) -> None:
        """Wait while more was posted than the reader takes."""
        while len(self._posted) > ROOM and self._writing is not None:
            await asyncio.wait([self._writing])

    async def drained(self) -> None:
        """Wait until all that was posted and taken has left."""
        while not self.closed and (self._writing is not None or self._posted):
            if self._writing is None:
                self.flush()
            else:
                await asyncio.wait([self._writing])

    def close(self) -> None:
        """Send nothing any more and let go of all streams at once."""
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._posted.clear()
        self._ready.clear()
        for stream in self._streams:
            stream.drop()
        self._streams.clear()
