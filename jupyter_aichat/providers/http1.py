"""One HTTP/1.1 connection on asyncio's transports; httptools (llhttp, in C) takes its answers apart.

The hot path: what a socket brings is handed on within the same step of the loop. With a stream reader between, a token
would cost a future, a second step and a dozen calls more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from jupyter_aichat.providers.exchange import Fault, FaultKind

LINGER_S = 1.0
"""How long a connection whose answer was enough is kept for the end of it, so that the next question finds it."""
_MOST_AROUND = 64 * 1024
"""How many bytes may come that are no body: a head, the sizes of chunks, what stands behind the last one."""
_MOST_UNREAD = 256 * 1024
_PIECE = 64 * 1024
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_INCOMING = memoryview(bytearray(64 * 1024))
"""What all sockets are read into: used up before the next one is read."""


class Incoming:
    """The answer to one request: a `ByteStream` once its ``head`` is done.

    Parameters
    ----------
    connection
        Its own, until the answer is complete or closed.
    """

    def __init__(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        self.status, self.content_type = 0, ""
        self.first_byte_s = self.stall_s = 60.0
        self.head: asyncio.Future[None] = loop.create_future()
        self._connection, self._loop, self._clock = connection, loop, loop.time
        self._parser = HttpResponseParser(self)
        self._feed = self._parser.feed_data
        self._headers: list[tuple[bytes, bytes]] = []
        self._around = 0
        self._framed = self._complete = self._keeps_alive = self._enough = self._closed = False
        self._pieces: list[bytes] = []
        self._fault: Fault | None = None
        self._take: Callable[[bytes], bool] | None = None
        self._done: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._patience_s, self._overdue = 0.0, FaultKind.FIRST_BYTE_TIMEOUT

    # What the connection tells

    def feed(self, data: memoryview) -> None:
        """Take what came in, and hand it on."""
        try:
            self._feed(data)
        except (HttpParserError, HttpParserUpgrade):
            self.fail(FaultKind.CUT if self.status else FaultKind.NOT_HTTP)
        self._around = 0 if self._pieces else self._around + len(data)
        if self._around > _MOST_AROUND:
            self.fail(FaultKind.CUT if self.status else FaultKind.NOT_HTTP)
        self._deliver()

    def lost(self) -> None:
        """Hear that the connection is gone; an answer that did not say where it ends is complete with it."""
        if self.status and not self._framed and self._fault is None:
            self._complete = True
        else:
            self.fail(FaultKind.CUT if self.status or self._around else FaultKind.UNANSWERED)
        self._deliver()

    def fail(self, kind: FaultKind) -> None:
        """Break off; what has come in is still handed on."""
        self._connection.abort()
        if self._complete or self._fault is not None:
            return
        self._fault = Fault(kind)
        if not self.head.done():
            self.head.set_exception(self._fault)
            self.head.exception()  # also where nobody asks for it any more

    # What httptools calls

    def on_message_begin(self) -> None:
        """Refuse what comes unasked behind the answer."""
        if self._complete:
            raise ValueError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the head; those behind the body are nobody's."""
        if not self.status:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Take the end of a head, which may be one that only announces another."""
        status = self._parser.get_status_code()
        if status >= 200:
            headers = dict(self._headers)
            self._framed = not _FRAMING.isdisjoint(headers)
            self.content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
            self.status = status
            if not self.head.done():
                self.head.set_result(None)
        self._headers.clear()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        """Take the end, unless it is that of an announcement."""
        self._complete = self.status > 0
        self._keeps_alive = self._parser.should_keep_alive()

    # What the reader does

    async def pump(self, take: Callable[[bytes], bool]) -> None:
        """See `ByteStream.pump`."""
        self._take = partial(copy_context().run, take)  # type: ignore[call-arg]  # `take` is its first
        self._done = self._loop.create_future()
        self._heard_at, self._patience_s = self._clock(), self.first_byte_s
        self._timer = self._loop.call_at(self._heard_at + self._patience_s, self._look)
        self._connection.resume_reading()
        self._deliver()
        try:
            await self._done
        finally:
            self._timer.cancel()
            if self._done.done() and not self._done.cancelled():
                self._done.exception()  # also where the reader was cancelled in the same step

    def close(self) -> None:
        """See `ByteStream.close`."""
        if not self._closed:
            self._closed = True
            if self._enough and not self._complete:
                self._loop.call_later(LINGER_S, self._end)
            else:
                self._end()

    def _end(self) -> None:
        """Let go of the connection: of one that has more to say by cutting it off."""
        self._connection.let_go(self, whole=self._complete and self._keeps_alive)

    def _deliver(self) -> None:
        if self._closed:
            self._pieces.clear()
            if self._complete:
                self._end()
        elif self._take is None or self._done is None:
            if sum(map(len, self._pieces)) > _MOST_UNREAD:
                self._connection.pause_reading()
        elif not self._done.done():
            try:
                self._hand_over(self._take, self._done)
            except Exception as error:  # noqa: BLE001 (whatever it is, the reader's task has to hear it)
                self._done.set_exception(error)

    def _hand_over(self, take: Callable[[bytes], bool], done: asyncio.Future[None]) -> None:
        if pieces := self._pieces:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._heard()
            self._enough = take(data)
        if self._complete and not self._enough:
            self._enough = True
            take(b"")
        if self._enough:
            done.set_result(None)
        elif self._fault is not None:
            done.set_exception(self._fault)

    def _heard(self) -> None:
        self._heard_at = self._clock()
        if self._overdue is not FaultKind.STALLED and self._timer is not None:
            self._overdue, self._patience_s = FaultKind.STALLED, self.stall_s
            self._timer.cancel()
            self._timer = self._loop.call_at(self._heard_at + self._patience_s, self._look)

    def _look(self) -> None:
        """Give up on a server that is silent for too long: one timer for the answer, so that a read costs none."""
        due = self._heard_at + self._patience_s
        if self._clock() < due:
            self._timer = self._loop.call_at(due, self._look)
        else:
            self.fail(self._overdue)
            self._deliver()


class Connection(asyncio.BufferedProtocol):
    """A connection, for one request after another.

    Parameters
    ----------
    on_idle
        Called when it could take the next request.
    on_lost
        Called when it is gone.
    """

    def __init__(self, on_idle: Callable[[Connection], None], on_lost: Callable[[Connection], None]) -> None:
        self._on_idle, self._on_lost = on_idle, on_lost
        self._transport: asyncio.Transport | None = None
        self._answer: Incoming | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def alive(self) -> bool:
        """Whether it stands, as far as is known."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, head: bytes, body: bytes) -> Incoming:
        """Send a request and return its answer once the head is there; large bodies go in pieces. Raises `Fault`."""
        if self._transport is None:
            raise Fault(FaultKind.UNANSWERED)
        answer = self._answer = Incoming(self)
        self._transport.write(head + body[:_PIECE])
        for start in range(_PIECE, len(body), _PIECE):
            await self._writable.wait()
            if answer.head.done():  # it has heard enough
                break
            self._transport.write(body[start : start + _PIECE])
        await answer.head
        return answer

    def let_go(self, answer: Incoming, *, whole: bool) -> None:
        """Take the connection back from an answer, which was read to its end or not."""
        if self._answer is answer:
            self._answer = None
            if whole and self.alive:
                self.resume_reading()  # or it would not hear of its end, nor of the next answer
                self._on_idle(self)
            else:
                self.abort()

    def abort(self) -> None:
        """Hang up, at once."""
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """Take nothing more for now."""
        if self.alive:
            cast("asyncio.Transport", self._transport).pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        if self.alive:
            cast("asyncio.Transport", self._transport).resume_reading()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 (asyncio's)
        """Say where to put what comes in."""
        return _INCOMING

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came in; who speaks without being asked is not asked again."""
        if self._answer is None:
            self.abort()
        else:
            self._answer.feed(_INCOMING[:nbytes])

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's)
        """End."""
        self._transport = None
        self._writable.set()
        self._on_lost(self)
        if self._answer is not None:
            self._answer.lost()

    def pause_writing(self) -> None:
        """Write nothing more for now."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()
