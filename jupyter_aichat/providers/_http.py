"""The one place where providers meet httpx; `exchange` is what they see of it.

httpx makes the requests, and `http1` carries them, because its own transports cost more than all the rest of a token. What
goes wrong is a `Fault`, and the adapter of each server finds the words for it.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping

import httpx

from jupyter_aichat.providers.exchange import Fault, FaultKind
from jupyter_aichat.providers.http1 import Connection, Incoming

IDLE_S = 15.0
"""How long a connection that nobody needs is kept."""
_HAPPY_EYEBALLS_S = 0.25
_ANSWER = "incoming"
_NOT_IN_HEADERS = re.compile(rb"[\r\n\0]")


class Client:
    """The client behind `HttpClient`; made on the loop that it serves."""

    def __init__(
        self, base_url: str, headers: Mapping[str, str], connect_timeout_s: float, tls: ssl.SSLContext | None
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={"Accept-Encoding": "identity", "User-Agent": "jupyter_aichat", **headers},
            transport=_Transport(connect_timeout_s, tls),
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(
        self, method: str, path: str, body: bytes | None, *, first_byte_s: float, stall_s: float
    ) -> Incoming:
        """Return the answer once its head is there; bounding that wait is the caller's. Raises `Fault`."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            request = self._client.build_request(method, path, content=body, headers=headers)
            response = await self._client.send(request, stream=True)
        except httpx.InvalidURL as error:
            raise Fault(FaultKind.NAME) from error
        answer: Incoming = response.extensions[_ANSWER]
        answer.first_byte_s, answer.stall_s = first_byte_s, stall_s
        return answer


class _Transport(httpx.AsyncBaseTransport):
    """Connections to one server. Those that are idle are asked again, the newest first."""

    def __init__(self, connect_timeout_s: float, tls: ssl.SSLContext | None) -> None:
        self._connect_timeout_s, self._tls = connect_timeout_s, tls
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._idle: dict[Connection, float] = {}
        self._tidying: asyncio.TimerHandle | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask, a second time where the server may have closed an idle connection, and asking changes nothing. Raises `Fault`."""
        head, body = _head(request), request.content
        if (idle := self._take_idle()) is not None:
            try:
                return await self._ask(idle, head, body)
            except Fault as fault:
                if fault.kind is not FaultKind.UNANSWERED or request.method != "GET":
                    raise
        return await self._ask(await self._connect(request.url), head, body)

    async def _ask(self, connection: Connection, head: bytes, body: bytes) -> httpx.Response:
        try:
            answer = await connection.ask(head, body)
        except BaseException:
            connection.abort()
            raise
        return httpx.Response(answer.status, extensions={_ANSWER: answer})

    async def _connect(self, url: httpx.URL) -> Connection:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._put_idle, self._connections.discard),
                    url.raw_host.decode("ascii"),
                    url.port or (443 if self._tls else 80),
                    ssl=self._tls,
                    happy_eyeballs_delay=_HAPPY_EYEBALLS_S,
                )
        except Exception as error:
            raise Fault(_kind(error)) from error
        self._connections.add(connection)
        return connection

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.alive:
                return connection
        return None

    def _put_idle(self, connection: Connection) -> None:
        self._idle[connection] = self._loop.time()
        if self._tidying is None:
            self._tidying = self._loop.call_later(IDLE_S, self._tidy)

    def _tidy(self) -> None:
        """Close what has been idle for too long."""
        now = self._loop.time()
        for connection, since in list(self._idle.items()):
            if not connection.alive or now - since >= IDLE_S:
                del self._idle[connection]
                connection.abort()
        self._tidying = self._loop.call_later(IDLE_S, self._tidy) if self._idle else None

    async def aclose(self) -> None:
        """Close all connections."""
        if self._tidying is not None:
            self._tidying.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        self._idle.clear()


def trust(base_url: str) -> ssl.SSLContext | None:
    """Return the certificates to trust: the system's, whose reading takes 40 ms; None for plain HTTP."""
    return ssl.create_default_context() if base_url.startswith("https://") else None


def _head(request: httpx.Request) -> bytes:
    """Return a request's head as it goes over the wire; raises `ValueError` for headers that would end it early."""
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    for name, value in request.headers.raw:
        if _NOT_IN_HEADERS.search(name) or _NOT_IN_HEADERS.search(value):
            raise ValueError("a header has a line break in it")
        lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])


def _kind(error: Exception) -> FaultKind:
    """Return why there is no connection."""
    return next((kind for type_, kind in _KINDS if isinstance(error, type_)), FaultKind.UNANSWERED)


# The first that fits; subclasses of OSError before it.
_KINDS: tuple[tuple[type[Exception], FaultKind], ...] = (
    (socket.gaierror, FaultKind.NAME),
    (UnicodeError, FaultKind.NAME),
    (ssl.SSLError, FaultKind.TLS),
    (TimeoutError, FaultKind.CONNECT_TIMEOUT),
    (OSError, FaultKind.REFUSED),
)
