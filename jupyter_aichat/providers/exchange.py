"""HTTP exchanges as providers see them: a client, whole answers, streams of bytes, and the kinds of faults.

The libraries behind (`_http`) take a quarter of a second to import: `HttpClient` has that done in a thread, a moment
after the start of the server, which would be slower for it; whoever asks earlier has it done at once.
"""

from __future__ import annotations

import asyncio
import enum
import importlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from jupyter_aichat.providers._http import Client

MAX_ANSWER = 64 * 1024 * 1024
LOAD_AFTER_S = 2.0


class FaultKind(enum.Enum):
    """Where an exchange broke."""

    NAME = "the host's name is unknown"
    REFUSED = "nothing listens there"
    TLS = "no trusted TLS connection"
    CONNECT_TIMEOUT = "no connection in time"
    UNANSWERED = "closed before an answer"
    NOT_HTTP = "the answer is no HTTP"
    FIRST_BYTE_TIMEOUT = "no first byte in time"
    STALLED = "no further byte in time"
    CUT = "closed in the middle of the answer"
    TOO_LARGE = "the answer is too large"


class Fault(Exception):
    """An exchange that broke; carries no address, header or body."""

    def __init__(self, kind: FaultKind) -> None:
        super().__init__(kind.value)
        self.kind = kind


class Answer(msgspec.Struct, frozen=True):
    """A whole answer; ``content_type`` in lower case, without parameters."""

    status: int
    content_type: str
    body: bytes


class ByteStream(Protocol):
    """An answer as it comes in. Close it: that closes the connection at once, unless the answer was complete."""

    status: int
    content_type: str

    async def pump(self, take: Callable[[bytes], bool]) -> None:
        """Hand over what comes in as it comes, at least one byte at a time, until `take` says that it is enough.

        At the end it is given b"". Raises `Fault`, and what `take` raises; may be called once.
        """
        ...

    def close(self) -> None:
        """Hang up; safe to call twice."""


class HttpClient:
    """Requests to one server, with its headers, without redirects, cookies, proxies or a bound on connections."""

    def __init__(self, base_url: str, headers: Mapping[str, str], connect_timeout_s: float) -> None:
        self._base_url, self._headers, self._connect_timeout_s = base_url, dict(headers), connect_timeout_s
        self._opening: asyncio.Task[Client] | None = None
        self._wanted = asyncio.Event()

    async def open(self) -> None:
        """Make the client on the running loop, soon; asks nothing of the network."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._load(), name="aichat-http-client")

    async def close(self) -> None:
        """Close all connections; safe to call twice."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        if not self._wanted.is_set():  # nobody waits for it
            opening.cancel()
        await asyncio.wait([opening])
        if not opening.cancelled():
            await opening.result().close()

    async def ask(self, method: str, path: str, body: bytes | None = None, *, timeout_s: float) -> Answer:
        """Return a whole answer, whatever its status; `timeout_s` is for all of it. Raises `Fault`."""
        client = await self._ready()
        try:
            async with asyncio.timeout(timeout_s):
                stream = await client.send(method, path, body, first_byte_s=timeout_s, stall_s=timeout_s)
                return await whole(stream, MAX_ANSWER)
        except TimeoutError:
            raise Fault(FaultKind.FIRST_BYTE_TIMEOUT) from None

    async def stream(self, path: str, body: bytes, *, first_byte_s: float, stall_s: float) -> ByteStream:
        """Post and return the answer as it comes in, whatever its status. Raises `Fault`."""
        client = await self._ready()
        try:
            async with asyncio.timeout(first_byte_s):
                return await client.send("POST", path, body, first_byte_s=first_byte_s, stall_s=stall_s)
        except TimeoutError:
            raise Fault(FaultKind.FIRST_BYTE_TIMEOUT) from None

    async def _ready(self) -> Client:
        if self._opening is None:
            raise RuntimeError("the client is not open")
        self._wanted.set()
        return await asyncio.shield(self._opening)

    async def _load(self) -> Client:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOAD_AFTER_S):
                await self._wanted.wait()
        self._wanted.set()
        module = await asyncio.to_thread(importlib.import_module, "jupyter_aichat.providers._http")
        tls = await asyncio.to_thread(module.trust, self._base_url)
        client: Client = module.Client(self._base_url, self._headers, self._connect_timeout_s, tls)
        return client


async def whole(stream: ByteStream, limit: int) -> Answer:
    """Read a stream to its end, at most `limit` bytes, and close it. Raises `Fault`."""
    body = bytearray()

    def take(data: bytes) -> bool:
        body.extend(data)
        if len(body) > limit:
            raise Fault(FaultKind.TOO_LARGE)
        return False

    try:
        await stream.pump(take)
    finally:
        stream.close()
    return Answer(stream.status, stream.content_type, bytes(body))
