"""The outbox: what is joined, what waits, what is let go."""

from __future__ import annotations

import asyncio

import pytest
from tornado.iostream import StreamClosedError

from jupyter_aichat.engine.log import EncodedEvent
from jupyter_aichat.server.outbox import CHUNK, LATER_S, MAX_POSTED, TURN, Outbox, Stream


class Wire:
    """A connection: takes each write at once, or holds it until `drain`."""

    def __init__(self) -> None:
        self.writes: list[list[bytes]] = []
        self.slow = False
        self.gone = False
        self.overflows = 0
        self._held: asyncio.Future[None] | None = None

    def write(self, frames: list[bytes]) -> asyncio.Future[None] | None:
        if self.gone:
            raise StreamClosedError
        assert self._held is None, "a write began before the last one had left"
        self.writes.append(frames)
        self._held = asyncio.get_running_loop().create_future() if self.slow else None
        return self._held

    def drain(self, error: Exception | None = None) -> None:
        held, self._held = self._held, None
        assert held is not None
        if error is None:
            held.set_result(None)
        else:
            held.set_exception(error)

    def overflow(self) -> None:
        self.overflows += 1

    @property
    def frames(self) -> list[bytes]:
        return [frame for write in self.writes for frame in write]


class Source:
    """A run's cursor with so many events of a size."""

    def __init__(self, name: str, count: int, size: int = 10, *, ends: bool = True) -> None:
        self.name, self.count, self.size, self.ends = name, count, size, ends
        self.n = 0
        self.finished = self.closed = False

    def take(self, limit: int) -> list[EncodedEvent]:
        events = []
        while self.n < self.count and limit > 0:
            self.n += 1
            events.append(EncodedEvent(self.n, b"x" * self.size))
            limit -= self.size
        self.finished = self.ends and self.n == self.count and bool(events)
        return events

    def close(self) -> None:
        self.closed = self.finished = True


async def _turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def _follow(outbox: Outbox, source: Source, ended: list[str] | None = None) -> Stream:
    def encode(seq: int, data: bytes) -> bytes:
        return b"%b%d" % (source.name.encode(), seq) if len(data) <= 10 else data

    stream = outbox.stream(encode, lambda: (ended or []).append(source.name))
    stream.attach(source)
    return stream


async def test_all_that_is_ready_leaves_in_one_write_posted_frames_first() -> None:
    wire, ended = Wire(), ["first"]
    outbox = Outbox(wire.write, wire.overflow)
    _follow(outbox, Source("a", 3), ended)
    _follow(outbox, Source("b", 2), ended)
    outbox.post(b"ack")
    assert wire.writes == []
    await _turn()
    assert wire.writes == [[b"ack", b"a1", b"a2", b"a3", b"b1", b"b2"]]
    assert ended == ["first", "a", "b"]


async def test_a_slow_connection_holds_one_write_and_asks_no_run_for_more() -> None:
    wire = Wire()
    wire.slow = True
    outbox = Outbox(wire.write, wire.overflow)
    source = Source("a", 10**6, size=1000)
    _follow(outbox, source)
    await _turn()
    assert len(wire.writes) == 1
    taken = source.n
    assert taken * 1000 <= CHUNK + TURN
    await _turn()
    assert source.n == taken
    wire.drain()
    await _turn()
    assert (len(wire.writes), source.n > taken) == (2, True)


async def test_runs_take_turns() -> None:
    wire = Wire()
    wire.slow = True
    outbox = Outbox(wire.write, wire.overflow)
    long, short = Source("long", 10**6, size=1000), Source("short", 3)
    _follow(outbox, long)
    _follow(outbox, short)
    await _turn()
    assert short.finished
    assert wire.writes[0].index(b"short1") * 1000 <= TURN + 1000
    assert wire.writes[0][-1] != b"short3"


async def test_events_that_come_later_wake_the_stream() -> None:
    wire = Wire()
    outbox = Outbox(wire.write, wire.overflow)
    source = Source("a", 0, ends=False)
    stream = outbox.stream(lambda seq, data: b"%d" % seq, lambda: None)
    stream.wake()  # may come before the source is known
    stream.attach(source)
    await _turn()
    assert wire.writes == []
    for count in (1, 2):
        source.count = count
        stream.wake()
        stream.wake()
        await _turn()
    assert wire.frames == [b"1", b"2"]


async def test_a_dropped_stream_sends_no_more() -> None:
    wire = Wire()
    outbox = Outbox(wire.write, wire.overflow)
    source = Source("a", 5)
    stream = outbox.stream(lambda seq, data: b"%d" % seq, lambda: None)
    stream.attach(source)
    outbox.drop(stream)
    stream.wake()
    await _turn()
    assert wire.writes == []
    assert source.closed


async def test_a_source_that_comes_after_the_drop_is_closed() -> None:
    wire = Wire()
    outbox = Outbox(wire.write, wire.overflow)
    stream = outbox.stream(lambda seq, data: b"", lambda: None)
    outbox.close()
    source = Source("a", 5)
    stream.attach(source)
    assert source.closed
    late = outbox.stream(lambda seq, data: b"", lambda: None)
    late.attach(other := Source("b", 5))
    assert other.closed


@pytest.mark.parametrize("how", ["at once", "later"])
async def test_a_connection_that_has_gone_lets_go_of_all(how: str) -> None:
    wire = Wire()
    outbox = Outbox(wire.write, wire.overflow)
    sources = [Source("a", 10**6, size=1000), Source("b", 0)]
    wire.gone, wire.slow = how == "at once", True
    for source in sources:
        _follow(outbox, source)
    await _turn()
    if how == "later":
        wire.drain(StreamClosedError())
        await _turn()
    assert outbox.closed
    assert all(source.closed for source in sources)
    outbox.post(b"too late")
    await _turn()
    assert b"too late" not in wire.frames


async def test_too_much_posted_to_who_does_not_read_ends_the_connection_once() -> None:
    wire = Wire()
    wire.slow = True
    outbox = Outbox(wire.write, wire.overflow)
    outbox.post(b"first")
    await _turn()
    for _ in range(MAX_POSTED + 100):
        outbox.post(b"more")
    assert (wire.overflows, outbox.closed, len(wire.frames)) == (1, True, 1)


async def test_room_waits_for_the_reader() -> None:
    wire = Wire()
    wire.slow = True
    outbox = Outbox(wire.write, wire.overflow)
    outbox.post(b"first")
    await _turn()
    for _ in range(200):
        outbox.post(b"more")
    waiting = asyncio.ensure_future(outbox.room())
    await _turn()
    assert not waiting.done()
    wire.drain()
    await _turn()
    assert waiting.done()
    wire.drain()


async def test_drained_waits_for_the_last_byte() -> None:
    wire = Wire()
    wire.slow = True
    outbox = Outbox(wire.write, wire.overflow)
    outbox.post(b"last")
    waiting = asyncio.ensure_future(outbox.drained())
    await _turn()
    assert (wire.frames, waiting.done()) == ([b"last"], False)
    wire.drain()
    await _turn()
    assert waiting.done()


async def test_news_ride_with_the_next_write_or_leave_by_themselves() -> None:
    wire = Wire()
    outbox = Outbox(wire.write, wire.overflow)
    outbox.post_later(b"news")
    await _turn()
    assert wire.writes == []
    outbox.post(b"ack")
    await _turn()
    assert wire.writes == [[b"news", b"ack"]]
    outbox.post_later(b"more")
    outbox.post_later(b"news")
    await asyncio.sleep(3 * LATER_S)
    assert wire.writes[1:] == [[b"more", b"news"]]
    outbox.post_later(b"never")
    outbox.close()
    await asyncio.sleep(2 * LATER_S)
    assert b"never" not in wire.frames


async def test_what_comes_while_nothing_waits_leaves_without_a_turn_of_the_loop() -> None:
    wire = Wire()
    outbox = Outbox(wire.write, wire.overflow)
    source = Source("a", 0, ends=False)
    stream = _follow(outbox, source)
    await _turn()
    source.count = 1
    stream.wake()
    assert wire.frames == [b"a1"]
    outbox.post(b"posted")
    source.count = 2
    stream.wake()
    assert wire.frames == [b"a1"]  # a write is due already: it takes both, what was posted first
    await _turn()
    assert wire.writes == [[b"a1"], [b"posted", b"a2"]]


async def test_woken_while_it_is_collected_a_stream_loses_and_repeats_nothing() -> None:
    wire = Wire()
    outbox = Outbox(wire.write, wire.overflow)
    streams: list[Stream] = []

    class Waking(Source):
        def take(self, limit: int) -> list[EncodedEvent]:
            taken = super().take(limit)
            for stream in streams:
                stream.wake()
            return taken

    streams += [_follow(outbox, Waking(name, 2)) for name in "ab"]
    await _turn()
    assert sorted(wire.frames) == [b"a1", b"a2", b"b1", b"b2"]
    assert len(wire.writes) == 1
