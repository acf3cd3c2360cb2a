"""The one place where providers meet their HTTP libraries; `exchange` is what they see of it.

httpx is the client; aiohttp carries it, because it hands over whole socket reads. A stream of tokens reads below
httpx's and httpx-aiohttp's iterators, which cost more than all the rest of a token. Nothing of either library leaves
this module: what goes wrong is a `Fault`, and the adapter of each server finds the words for it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from jupyter_aichat.providers.exchange import Fault, FaultKind

_READ_BUFFER = 256 * 1024
_PIECE = 64 * 1024
_RESPONSE = "aiohttp_response"


class Stream:
    """A `ByteStream`."""

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
        self._waiting_since = None
        if self._overdue is FaultKind.FIRST_BYTE_TIMEOUT:
            self._patience_s, self._overdue = self._stall_s, FaultKind.STALLED
            self._timer.cancel()
            self._look()
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


class Client:
    """The client behind `HttpClient`; made on the loop that it serves."""

    def __init__(
        self, base_url: str, headers: Mapping[str, str], connect_timeout_s: float, tls: ssl.SSLContext
    ) -> None:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_READ_BUFFER,
        )
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={"Accept-Encoding": "identity", "User-Agent": "jupyter_aichat", **headers},
            timeout=httpx.Timeout(None, connect=connect_timeout_s, pool=connect_timeout_s),
            transport=_Transport(verify=tls, client=session),
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(self, method: str, path: str, body: bytes | None, *, first_byte_s: float, stall_s: float) -> Stream:
        """Return the answer once its headers are there; bounding that wait is the caller's. Raises `Fault`."""
        try:
            response = await self._client.send(_request(self._client, method, path, body), stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError) as error:
            raise Fault(_kind(error)) from error
        return Stream(response.extensions[_RESPONSE], first_byte_s, stall_s)


class _Transport(AiohttpTransport):
    """Hands over aiohttp's response beside httpx's."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        response.extensions[_RESPONSE] = response.stream._aiohttp_response  # type: ignore[union-attr]  # noqa: SLF001
        return response


def trust(base_url: str) -> ssl.SSLContext:
    """Return the certificates to trust: the system's; for plain HTTP none, since reading them takes 40 ms."""
    if base_url.startswith("https://"):
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


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


def _kind(error: Exception) -> FaultKind:
    """Return what went wrong before there was an answer.

    httpx-aiohttp folds most of aiohttp's errors into one; their cause still tells them apart.
    """
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ is not None else error
    return next((kind for type_, kind in _KINDS if isinstance(cause, type_)), FaultKind.UNANSWERED)


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
    (httpx.InvalidURL, FaultKind.NAME),
)
