"""Many people at once, each with one socket through the proxy: ask, read the answer, think, ask again in the same chat.

A process of its own, started by `benchmarks.load`: takes a `Crowd` as JSON on its standard input; says `open`, `begin` and
`end` of the measured time, each on a line, and then what people saw. Every token of the fake carries the moment of its writing.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

_MARK = re.compile(rb"zq[0-9a-f]{4}([0-9a-f]{10}) ")
_CHAT = re.compile(rb'"chat_id":"([^"]+)"')
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_STALL_S = 1.0
_OPENING = 20
_HEAD = (
    "GET /api/aichat/v1/ws HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Crowd(msgspec.Struct, kw_only=True):
    """Who asks what, and how often. Times are seconds."""

    port: int
    certificate: str
    tokens: list[str]
    model: str
    answer_s: float
    think_s: float
    measured_s: float
    patience_s: float = 30.0

    @property
    def cycle_s(self) -> float:
        """From one question of a person to the next, where nothing is late."""
        return self.answer_s + self.think_s


@dataclass
class Seen:
    """What all of them saw in the measured time. Latencies are seconds."""

    measuring: bool = False
    first_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    tokens: int = 0
    received: int = 0
    answers: int = 0
    stalls: int = 0
    streams: int = 0
    streaming: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Person(asyncio.Protocol):
    """One socket; what comes is looked at, not decoded, since the cores are the service's."""

    def __init__(self, seen: Seen) -> None:
        self._seen, self._had, self._shaken = seen, b"", False
        self.chat_id: str | None = None
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[None] | None = None
        self._asked_at = self._last_at = 0.0
        self._begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        for waited in (self.greeted, self.ended):
            if waited is not None and not waited.done():
                waited.set_exception(ConnectionError(f"closed: {exc or self._had[:80]!r}"))

    def data_received(self, data: bytes) -> None:
        self._seen.received += len(data) * self._seen.measuring
        self._had += data
        if not self._shaken:
            head, found, rest = self._had.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head[:20]:
                self.transport.close()
                return
            self._shaken, self._had = True, rest
        for kind, payload in self._frames():
            self._take(kind, payload)

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """Whole messages; the server's are neither masked nor divided."""
        had, at = self._had, 0
        while len(had) - at >= 2:
            size, head = had[at + 1], 2
            if size >= 126:
                head = 4 if size == 126 else 10
                size = int.from_bytes(had[at + 2 : at + head], "big")
            if len(had) - at < head + size:
                break
            yield had[at] & 15, had[at + head : at + head + size]
            at += head + size
        self._had = had[at:]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == _PING:
            self._write(_PONG, payload)
        elif kind == _CLOSE:
            self.transport.close()
        elif not self.greeted.done():
            self.greeted.set_result(None)
        elif self.ended is not None:
            self._read(payload)

    def _read(self, payload: bytes) -> None:
        at = time.monotonic()
        if marks := _MARK.findall(payload):
            self._tokens(marks, at)
        if self.chat_id is None and (found := _CHAT.search(payload)):
            self.chat_id = found[1].decode()
        if b'"type":"error"' in payload:
            self._end(payload[:200].decode())
        elif b'"run_finished"' in payload:
            self._end("" if b'"state":"completed"' in payload else payload[-200:].decode())

    def _tokens(self, marks: list[bytes], at: float) -> None:
        seen = self._seen
        if seen.measuring:
            seen.tokens += len(marks)
            seen.late_s += [at - int(mark, 16) / 1e6 for mark in marks]
            if self._begun:
                seen.stalls += at - self._last_at > _STALL_S
            else:
                seen.first_s.append(at - self._asked_at)
        self._begun, self._last_at = True, at

    def _end(self, fault: str) -> None:
        assert self.ended is not None
        if self.ended.done():
            return
        if fault:
            self.ended.set_exception(ConnectionError(fault))
        else:
            self.ended.set_result(None)

    async def ask(self, model: str, patience_s: float) -> None:
        """Ask and read to the end; raises `ConnectionError` or `TimeoutError`."""
        where = {} if self.chat_id is None else {"chat_id": self.chat_id}
        body = {"type": "send", "id": 1, "text": "What is the difference?", "model": model, **where}
        self.ended = asyncio.get_running_loop().create_future()
        self._begun, self._asked_at = False, time.monotonic()
        self._write(_TEXT, json.dumps(body).encode())
        self._seen.streams += 1
        try:
            async with asyncio.timeout(patience_s):
                await self.ended
        finally:
            self._seen.streams -= 1
        self._seen.answers += self._seen.measuring

    def _write(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self.transport.write(bytes([0x80 | kind]) + length + b"\0\0\0\0" + payload)  # a mask of zeros masks nothing


async def _live(person: Person, crowd: Crowd, seen: Seen) -> None:
    """Come at some moment of a cycle, and then ask for ever."""
    await asyncio.sleep(random.random() * crowd.cycle_s)
    while True:
        try:
            await person.ask(crowd.model, crowd.answer_s + crowd.patience_s)
        except (ConnectionError, TimeoutError) as e:
            if seen.measuring:
                seen.errors.append(f"{type(e).__name__}: {e}")
            if person.transport.is_closing():
                return
        await asyncio.sleep(crowd.think_s * (0.5 + random.random()))


async def _open(crowd: Crowd, seen: Seen) -> list[Person]:
    trust = ssl.create_default_context(cafile=crowd.certificate)
    doors = asyncio.Semaphore(_OPENING)

    async def enter(token: str) -> Person:
        async with doors:
            _, person = await asyncio.get_running_loop().create_connection(
                lambda: Person(seen), "127.0.0.1", crowd.port, ssl=trust, server_hostname="localhost"
            )
            person.transport.write(_HEAD.format(port=crowd.port, token=token).encode())
            async with asyncio.timeout(crowd.patience_s):
                await person.greeted
            return person

    return await asyncio.gather(*(enter(token) for token in crowd.tokens))


async def watched(crowd: Crowd, say: Callable[[str], None]) -> Seen:
    """Let everybody in, wait until all are in their rhythm, measure; `say` hears when."""
    seen = Seen()
    people = await _open(crowd, seen)
    say("open")
    living = [asyncio.create_task(_live(person, crowd, seen)) for person in people]
    await asyncio.sleep(crowd.cycle_s)
    say("begin")
    seen.measuring, until = True, time.monotonic() + crowd.measured_s
    while time.monotonic() < until:
        seen.streaming.append(seen.streams)
        await asyncio.sleep(min(0.5, crowd.measured_s / 4))
    seen.measuring = False
    say("end")
    for each in living:
        each.cancel()
    await asyncio.gather(*living, return_exceptions=True)
    for person in people:
        person.transport.abort()
    return seen


def quantiles_ms(values: list[float]) -> dict[str, float]:
    """The middle, 95 % and 99 % of seconds, as milliseconds."""
    if len(values) < 2:
        return {}
    cuts = statistics.quantiles(values, n=100)
    return {name: round(cuts[place] * 1000, 1) for name, place in (("p50", 49), ("p95", 94), ("p99", 98))}


def figures(seen: Seen, measured_s: float) -> dict[str, object]:
    """What is told of it."""
    return {
        "streams": round(statistics.mean(seen.streaming), 1),
        "answers": seen.answers,
        "tokens": seen.tokens,
        "tokens_per_s": round(seen.tokens / measured_s, 1),
        "bytes_received": seen.received,
        "first_token_ms": quantiles_ms(seen.first_s),
        "token_late_ms": quantiles_ms(seen.late_s),
        "stalls": seen.stalls,
        "errors": len(seen.errors),
        "first_errors": seen.errors[:3],
    }


def main() -> None:
    """Do as told on the standard input."""
    crowd = msgspec.json.decode(sys.stdin.buffer.read(), type=Crowd)
    seen = asyncio.run(watched(crowd, lambda word: print(word, flush=True)))
    print(json.dumps(figures(seen, crowd.measured_s)), flush=True)


if __name__ == "__main__":
    main()
