"""The one place where providers meet their HTTP library.

httpx is the client; aiohttp carries it, because it hands over whole socket reads. A stream of tokens reads below
httpx's and httpx-aiohttp's iterators, which cost more than all the rest of a token. Nothing of either library leaves
this module: what goes wrong is a `Fault` of a kind, and the adapter of each server finds the words for it.
"""

from __future__ import annotations

import asyncio
import enum
import ssl
from collections.abc import AsyncGenerator, Mapping
from typing import NoReturn

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

MAX_ANSWER = 64 * 1024 * 1024
MAX_ERROR = 64 * 1024
READ_BUFFER = 256 * 1024
_PIECE = 64 * 1024
_RESPONSE = "aiohttp_response"


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


class ByteStream:
    """An answer as it comes in. Close it: that closes the connection at once, unless the answer was complete."""

    def __init__(self, response: aiohttp.ClientResponse, first_byte_s: float, stall_s: float) -> None:
        self.status = response.status
        self.content_type = response.content_type.lower()
        self._response = response
        self._read = response.content.readany
        self._patience_s, self._stall_s = first_byte_s, stall_s
        self._overdue = FaultKind.FIRST_BYTE_TIMEOUT
        loop = asyncio.get_running_loop()
        self._clock, self._call_at = loop.time, loop.call_at
        self._waiting_since: float | None = None
        self._timer = self._call_at(self._clock() + first_byte_s, self._look)

    async def read(self) -> bytes:
        """Return what has come in since the last read, at least one byte; b"" at the end. Raises `Fault`."""
        self._waiting_since = self._clock()
        try:
            data = await self._read()
        except (aiohttp.ClientError, RuntimeError, OSError) as error:  # RuntimeError: the connection is gone already
            raise Fault(FaultKind.CUT) from error
        finally:
            self._waiting_since = None
        self._patience_s, self._overdue = self._stall_s, FaultKind.STALLED
        return data

    def close(self) -> None:
        """Hang up; safe to call twice."""
        self._timer.cancel()
        self._response.close()

    def _look(self) -> None:
        """End a read that has waited too long: one timer for the stream, so that a read costs none.

        Only waiting counts: a slow reader of ours is no fault of the server.
        """
        now = self._clock()
        since = now if self._waiting_since is None else self._waiting_since
        due = since + self._patience_s
        if now < due:
            self._timer = self._call_at(due, self._look)
        else:
            self._response.content.set_exception(Fault(self._overdue))


class HttpClient:
    """Requests to one server, with its headers, without redirects, cookies, proxies or a bound on connections."""

    def __init__(self, base_url: str, headers: Mapping[str, str], connect_timeout_s: float) -> None:
        self._base_url, self._headers = base_url, headers
        self._timeout = httpx.Timeout(None, connect=connect_timeout_s, pool=connect_timeout_s)
        self._client: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Make the client on the running loop; asks nothing of the network."""
        if self._client is not None:
            return
        context = ssl.create_default_context()
        connector = aiohttp.TCPConnector(limit=0, ssl=context)
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=READ_BUFFER
        )
        self._client = httpx.AsyncClient(
            base_url=self._base_url,
            headers={"Accept-Encoding": "identity", "User-Agent": "jupyter_aichat", **self._headers},
            timeout=self._timeout,
            transport=_Transport(verify=context, client=session),
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections; safe to call twice."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def ask(self, method: str, path: str, body: bytes | None = None, *, timeout_s: float) -> Answer:
        """Return a whole answer, whatever its status; `timeout_s` is for all of it. Raises `Fault`."""
        try:
            async with asyncio.timeout(timeout_s):
                stream = await self._send(method, path, body, timeout_s, timeout_s)
                try:
                    return await whole(stream, MAX_ANSWER)
                finally:
                    stream.close()
        except TimeoutError:
            raise Fault(FaultKind.STALLED) from None

    async def stream(self, path: str, body: bytes, *, first_byte_s: float, stall_s: float) -> ByteStream:
        """Post and return the answer from its first byte on, whatever its status. Raises `Fault`."""
        loop = asyncio.get_running_loop()
        due = loop.time() + first_byte_s
        try:
            async with asyncio.timeout_at(due):
                return await self._send("POST", path, body, first_byte_s, stall_s)
        except TimeoutError:
            raise Fault(FaultKind.FIRST_BYTE_TIMEOUT) from None

    async def _send(
        self, method: str, path: str, body: bytes | None, first_byte_s: float, stall_s: float
    ) -> ByteStream:
        await self.open()
        assert self._client is not None
        try:
            response = await self._client.send(_request(self._client, method, path, body), stream=True)
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            _translate(error)
        return ByteStream(response.extensions[_RESPONSE], first_byte_s, stall_s)


class _Transport(AiohttpTransport):
    """Hands over aiohttp's response beside httpx's."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        response.extensions[_RESPONSE] = response.stream._aiohttp_response  # type: ignore[union-attr]  # noqa: SLF001
        return response


async def whole(stream: ByteStream, limit: int) -> Answer:
    """Read a stream to its end, at most `limit` bytes. Raises `Fault`."""
    body = bytearray()
    while data := await stream.read():
        body += data
        if len(body) > limit:
            raise Fault(FaultKind.TOO_LARGE)
    return Answer(stream.status, stream.content_type, bytes(body))


def _request(client: httpx.AsyncClient, method: str, path: str, body: bytes | None) -> httpx.Request:
    if body is None:
        return client.build_request(method, path)
    # Large bodies go in pieces, so that one write never holds the loop.
    content = body if len(body) <= _PIECE else _pieces(body)
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return client.build_request(method, path, content=content, headers=headers)


async def _pieces(body: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


def _translate(error: Exception) -> NoReturn:
    """Raise the `Fault` for what the libraries raised before there was an answer.

    httpx-aiohttp folds most of aiohttp's errors into one; the cause still tells them apart.
    """
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ is not None else error
    raise Fault(next((kind for type_, kind in _KINDS if isinstance(cause, type_)), FaultKind.UNANSWERED)) from error


# The first that fits; subclasses before their bases.
_KINDS: tuple[tuple[type[Exception], FaultKind], ...] = (
    (aiohttp.ClientConnectorDNSError, FaultKind.NAME),
    (aiohttp.ClientSSLError, FaultKind.TLS),
    (aiohttp.ServerTimeoutError, FaultKind.CONNECT_TIMEOUT),
    (httpx.TimeoutException, FaultKind.CONNECT_TIMEOUT),
    (aiohttp.ClientConnectorError, FaultKind.REFUSED),
    (httpx.ConnectError, FaultKind.REFUSED),
    (aiohttp.ServerDisconnectedError, FaultKind.UNANSWERED),
    (aiohttp.ClientResponseError, FaultKind.NOT_HTTP),
    (aiohttp.InvalidURL, FaultKind.NAME),
)
