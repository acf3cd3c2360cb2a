"""One connection, its bytes in pieces of any size: what is framed how, where it ends, and what becomes of the connection."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.providers.exchange import Fault, FaultKind
from jupyter_aichat.providers.http1 import Connection, Incoming

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson; charset=utf-8\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


class Wire:
    """A transport that keeps what is written, and a connection on it that has been asked something."""

    def __init__(self) -> None:
        self.written, self.closing, self.reading = b"", False, True
        self.idle: list[Connection] = []
        self.connection = Connection(self.idle.append, lambda _: None)
        self.connection.connection_made(cast("asyncio.Transport", self))
        self.asking = asyncio.create_task(self.connection.ask(b"POST / HTTP/1.1\r\n\r\n", b""))

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def come(self, data: bytes) -> None:
        """Let bytes come in, as a socket would bring them."""
        while data:
            room = self.connection.get_buffer(-1)
            size = min(len(room), len(data))
            room[:size] = data[:size]
            self.connection.buffer_updated(size)
            data = data[size:]

    async def answered(self, *reads: bytes, hang_up: bool = False) -> tuple[bytes, Incoming]:
        """Let an answer come in, read by read, and read it to its end."""
        await asyncio.sleep(0)
        pieces: list[bytes] = []
        begun: asyncio.Task[None] | None = None

        def take(piece: bytes) -> bool:
            pieces.append(piece)
            return False

        for data in reads:
            self.come(data)
            await asyncio.sleep(0)
            if begun is None and self.asking.done():
                begun = asyncio.create_task(self.asking.result().pump(take))
            await asyncio.sleep(0)
        if hang_up:
            self.connection.connection_lost(None)
        answer = await self.asking
        await (begun or answer.pump(take))
        assert pieces.pop() == b""
        assert all(pieces)
        return b"".join(pieces), answer


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, bytes, bool]:
    """A whole answer, its body, and whether it ends with the connection."""
    pieces = draw(st.lists(st.binary(max_size=40), max_size=5))
    body = b"".join(pieces)
    before = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"])
    )
    framing = draw(st.sampled_from(["chunked", "length", "close"]))
    if framing == "chunked":
        return before + HEAD + CHUNKED + chunked(*pieces), body, False
    if framing == "length":
        return before + HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body, body, False
    return before + HEAD + b"\r\n" + body, body, True


@given(answer=answers(), cuts=st.lists(st.integers(0, 400), max_size=12))
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(answer: tuple[bytes, bytes, bool], cuts: list[int]) -> None:
    whole, body, hang_up = answer
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    reads = [whole[begin:end] for begin, end in pairwise(places)]

    async def read() -> None:
        wire = Wire()
        found, incoming = await wire.answered(*reads, hang_up=hang_up)
        assert (found, incoming.status, incoming.content_type) == (body, 200, "application/x-ndjson")
        incoming.close()
        assert wire.idle == ([] if hang_up else [wire.connection])

    asyncio.run(read())


async def fault(*reads: bytes) -> tuple[FaultKind, bytes]:
    """What an answer breaks with when the connection ends after these reads, and what of it was heard."""
    wire, heard = Wire(), bytearray()

    def take(piece: bytes) -> bool:
        heard.extend(piece)
        return False

    await asyncio.sleep(0)
    for data in reads:
        wire.come(data)
    if not wire.closing:
        wire.connection.connection_lost(ConnectionResetError())
    with pytest.raises(Fault) as broken:
        await (await wire.asking).pump(take)
    return broken.value.kind, bytes(heard)


@pytest.mark.parametrize(
    ("reads", "kind", "heard"),
    [
        pytest.param((), FaultKind.UNANSWERED, b"", id="nothing"),
        pytest.param((b"HTTP/1.1 200",), FaultKind.CUT, b"", id="half-a-head"),
        pytest.param((b"SSH-2.0-OpenSSH\r\n",), FaultKind.NOT_HTTP, b"", id="another-protocol"),
        pytest.param((b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,), FaultKind.NOT_HTTP, b"", id="endless-head"),
        pytest.param((b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx",), FaultKind.NOT_HTTP, b"", id="upgrade"),
        pytest.param((HEAD + CHUNKED, b"3\r\nabc\r\n"), FaultKind.CUT, b"abc", id="cut-between-chunks"),
        pytest.param((HEAD + CHUNKED, b"3\r\nabc\r\nzz\r\n"), FaultKind.CUT, b"abc", id="no-chunk"),
        pytest.param((HEAD + b"Content-Length: 5\r\n\r\nabc",), FaultKind.CUT, b"abc", id="too-short"),
    ],
)  # fmt: skip
async def test_what_breaks_an_answer(reads: tuple[bytes, ...], kind: FaultKind, heard: bytes) -> None:
    assert await fault(*reads) == (kind, heard)


@pytest.mark.parametrize("around", [b"0\r\nX: ", b"3;"], ids=["trailer", "extension"])
async def test_what_is_no_body_and_has_no_end_is_cut_off(around: bytes) -> None:
    """It is kept nowhere for us to see, and only its end would tell what it is."""
    wire = Wire()
    await asyncio.sleep(0)
    wire.come(HEAD + CHUNKED + b"3\r\nabc\r\n" + around)
    answer, heard = await wire.asking, bytearray()
    reading = asyncio.create_task(answer.pump(lambda piece: bool(heard.extend(piece))))  # type: ignore[func-returns-value]
    await asyncio.sleep(0)
    wire.come(b"x" * 140_000)
    assert wire.closing
    with pytest.raises(Fault, match=FaultKind.CUT.value):
        await reading
    assert heard == b"abc"


async def test_what_comes_unasked_ends_the_connection_and_not_the_answer() -> None:
    wire = Wire()
    body, answer = await wire.answered(
        HEAD + b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    )
    answer.close()
    assert (body, wire.closing, wire.idle) == (b"ok", True, [])


async def test_who_speaks_before_being_asked_is_hung_up_on() -> None:
    wire = Wire()
    _, answer = await wire.answered(HEAD + b"Content-Length: 0\r\n\r\n")
    answer.close()
    assert wire.idle
    wire.come(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert wire.closing


async def enough(wire: Wire, *reads: bytes) -> Incoming:
    """Read until something came, which is enough."""
    await asyncio.sleep(0)
    wire.come(b"".join(reads))
    answer = await wire.asking
    await answer.pump(lambda _: True)
    return answer


async def test_an_answer_that_was_enough_is_let_end_for_the_sake_of_the_connection() -> None:
    wire = Wire()
    (await enough(wire, HEAD + CHUNKED, b"4\r\ndone\r\n")).close()
    assert not wire.closing
    assert not wire.idle
    wire.come(b"0\r\n\r\n")
    assert wire.idle == [wire.connection]


async def test_but_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_aichat.providers.http1.LINGER_S", 0.02)
    wire = Wire()
    (await enough(wire, HEAD + CHUNKED, b"4\r\ndone\r\n")).close()
    wire.come(b"4\r\nmore\r\n")
    await asyncio.sleep(0.1)
    assert wire.closing
    assert not wire.idle


async def test_a_connection_that_the_server_closes_is_not_kept() -> None:
    wire = Wire()
    _, answer = await wire.answered(HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok")
    answer.close()
    assert wire.closing
    assert not wire.idle


async def test_nothing_is_read_that_nobody_takes() -> None:
    wire = Wire()
    await asyncio.sleep(0)
    wire.come(HEAD + CHUNKED)
    for _ in range(6):
        wire.come(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
    assert not wire.reading
    answer, size = await wire.asking, 0

    def take(piece: bytes) -> bool:
        nonlocal size
        size += len(piece)
        return size == 6 * 0x10000

    await answer.pump(take)
    assert wire.reading


async def test_a_connection_that_is_kept_hears_what_comes_next() -> None:
    """Also where more had come than anybody took."""
    wire = Wire()
    await asyncio.sleep(0)
    wire.come(HEAD + b"Content-Length: 300000\r\n\r\n" + b"x" * 300_000)
    assert not wire.reading
    (await wire.asking).close()
    assert wire.idle
    assert wire.reading


async def test_what_the_taker_raises_ends_the_answer() -> None:
    wire = Wire()
    await asyncio.sleep(0)
    wire.come(HEAD + CHUNKED + b"3\r\nabc\r\n")

    def take(_: bytes) -> bool:
        raise ZeroDivisionError

    answer = await wire.asking
    with pytest.raises(ZeroDivisionError):
        await answer.pump(take)
    answer.close()
    assert wire.closing


async def test_a_request_that_is_refused_half_way_is_not_sent_on() -> None:
    wire = Wire()
    wire.asking.cancel()
    wire.connection.pause_writing()
    asking = asyncio.create_task(wire.connection.ask(b"POST / HTTP/1.1\r\n\r\n", b"x" * 300_000))
    await asyncio.sleep(0)
    wire.come(HEAD.replace(b"200", b"413") + b"Content-Length: 0\r\n\r\n")
    wire.connection.resume_writing()
    assert (await asking).status == 413
    assert len(wire.written) < 150_000
