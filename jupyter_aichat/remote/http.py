"""The one place where remote mode meets its HTTP library: requests, streams and sockets to the service.

aiohttp itself, because one library then does all three: a socket's round trip takes 90 µs with it and 200 µs with
tornado's client. Nothing of it leaves this module; what goes wrong is a `Fault`.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus

import aiohttp
from yarl import URL

from jupyter_aichat.logs.context import REQUEST_ID
from jupyter_aichat.protocol.frames import PROTOCOL
from jupyter_aichat.remote.exchange import Asked, Fault, FaultKind, Refusal

PING_S = 25.0
CLOSE_S = 2.0
MAX_MESSAGE = 32 * 1024 * 1024
"""Bytes of a message from the service: a snapshot of the longest answer, all its characters escaped."""
MAX_REFUSAL = 64 * 1024
_READ_BUFFER = 256 * 1024
_WRITTEN_AT_ONCE = 64 * 1024


class Answer:
    """An answer as it comes in. Close it: that closes the connection at once, unless the answer was complete."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response

    async def read(self) -> bytes:
        """Return what has come in since the last read, at least one byte; b"" at the end. Raises `Fault`."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, TimeoutError, RuntimeError, OSError):  # RuntimeError: we have closed it
            raise Fault(FaultKind.CUT) from None

    async def whole(self, limit: int) -> bytes:
        """Return all of it; raises `Fault`, also where it is longer than the limit."""
        body = bytearray()
        while data := await self.read():
            body += data
            if len(body) > limit:
                raise Fault(FaultKind.TOO_LARGE)
        return bytes(body)

    def close(self) -> None:
        """Hang up; safe to call twice."""
        self._response.close()


class Socket:
    """A socket to the service. Reading waits where nobody takes what was read: the service then waits too."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.close_reason = ""

    @property
    def close_code(self) -> int | None:
        """What the service closed with, once `receive` has returned None; also codes that never go over a wire."""
        return self._socket.close_code

    async def receive(self) -> str | None:
        """Return the next message; None when the socket is over, or where it is not text."""
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return str(message.data)
        if message.type is aiohttp.WSMsgType.CLOSE:
            self.close_reason = str(message.extra or "")
        return None

    async def send(self, text: str) -> None:
        """Send a message; returns when there is room for the next. One for a socket that is over is lost."""
        with suppress(aiohttp.ClientError, OSError):
            await self._socket.send_str(text)

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye, and wait shortly for the answer."""
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with asyncio.timeout(2 * CLOSE_S):
                await self._socket.close(code=code, message=reason.encode()[:120])


class Client:
    """Requests to one service, with our own headers alone: no cookies, no proxies, no redirects.

    Parameters
    ----------
    base_url
        What all targets begin with.
    connect_timeout_s, timeout_s
        Seconds until a connection stands, a socket's with its handshake; seconds without a byte.
    """

    def __init__(self, base_url: str, tls: ssl.SSLContext, connect_timeout_s: float, timeout_s: float) -> None:
        self._base_url, self._connect_timeout_s = base_url, connect_timeout_s
        connector = aiohttp.TCPConnector(limit=0, ssl=tls)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s, sock_read=timeout_s)
        self._session = _session(connector, timeout, ())
        self._sockets = _session(connector, timeout, (_refuse,))

    async def ask(self, asked: Asked, token: str | None) -> Answer:
        """Return the answer once its headers are there, whatever its status. Raises `Fault`."""
        headers = {**asked.headers, **_own_headers(token)}
        try:
            response = await self._session.request(
                asked.method, self._url(asked.target), headers=headers, data=_body(asked.body), allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Fault(_kind(error)) from None
        return Answer(response)

    async def dial(self, target: str, token: str) -> Socket:
        """Open a socket. Raises `Fault`, or `Refusal` where the service does not let us in."""
        try:
            # One that hangs takes the connection, and says nothing.
            async with asyncio.timeout(self._connect_timeout_s):
                socket = await self._sockets.ws_connect(
                    self._url(target),
                    protocols=(PROTOCOL,),
                    headers=_own_headers(token),
                    heartbeat=PING_S,
                    max_msg_size=MAX_MESSAGE,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Fault(_kind(error)) from None
        if socket.protocol != PROTOCOL:
            await socket.close()
            raise Fault(FaultKind.NO_SOCKET)
        return Socket(socket)

    def _url(self, target: str) -> URL:
        return URL(self._base_url + target, encoded=True)

    async def close(self) -> None:
        """Close all connections."""
        await self._sockets.close()
        await self._session.close()


def trust(base_url: str, ca_file: str) -> ssl.SSLContext:
    """Return the certificates to trust; for plain HTTP none, since reading them takes 40 ms. Raises `OSError`."""
    if base_url.startswith("https://"):
        return ssl.create_default_context(cafile=ca_file or None)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _session(
    connector: aiohttp.TCPConnector,
    timeout: aiohttp.ClientTimeout,
    middlewares: tuple[aiohttp.ClientMiddlewareType, ...],
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        connector_owner=not middlewares,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "jupyter_aichat", "Accept-Encoding": "identity"},
        auto_decompress=False,
        timeout=timeout,
        trust_env=False,
        read_bufsize=_READ_BUFFER,
        middlewares=middlewares,
    )


async def _refuse(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep what a handshake was answered with: aiohttp would follow a redirect, and throw an error's body away."""
    response = await handler(request)
    if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return response
    answer = Answer(response)
    try:
        body = await answer.whole(MAX_REFUSAL)
    except Fault:
        body = b""
    finally:
        answer.close()
    raise Refusal(answer.status, answer.headers, body)


def _body(body: bytes | None) -> bytes | io.BytesIO | None:
    """A body as aiohttp wants it: a large one is written in portions, so that others have their turn."""
    return body if body is None or len(body) <= _WRITTEN_AT_ONCE else io.BytesIO(body)


def _own_headers(token: str | None) -> dict[str, str]:
    """The credential, and what the request is called that this one is made for."""
    own = {"Authorization": None if token is None else f"Bearer {token}", "X-Request-Id": REQUEST_ID.get()}
    return {name: value for name, value in own.items() if value is not None}


def _kind(error: Exception) -> FaultKind:
    return next((kind for type_, kind in _KINDS if isinstance(error, type_)), FaultKind.AWAY)


# The first that fits; subclasses before their bases.
_KINDS: tuple[tuple[type[Exception], FaultKind], ...] = (
    (aiohttp.ClientSSLError, FaultKind.TLS),
    (aiohttp.WSServerHandshakeError, FaultKind.NO_SOCKET),
    (aiohttp.ClientResponseError, FaultKind.NOT_HTTP),
)
