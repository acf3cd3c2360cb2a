"""Something that answers in the place of the service: whatever a test wants, and it remembers what it was asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tornado import httputil, web, websocket
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

TOKEN = "pat-0123456789-abcdefghijklmnop"
API = "/api/aichat/v1"
SOCKET_BUFFERS = 160 * 1024 * 1024
"""More than a system keeps for two connections between those who write and those who do not read (tcp_rmem, tcp_wmem)."""

Behave = Callable[[web.RequestHandler], Awaitable[None] | None]
JSON = {"Content-Type": "application/json"}


@dataclass
class Fake:
    """A web server on the test's loop."""

    url: str
    server: HTTPServer
    requests: list[httputil.HTTPServerRequest] = field(default_factory=list)
    sockets: list[FakeSocket] = field(default_factory=list)
    behave: Behave | None = None
    refuse: Behave | None = None
    subprotocol: str | None = "aichat.v1"
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def answers(self, status: int, body: bytes = b"{}", headers: dict[str, str] = JSON) -> None:
        """Answer every request alike."""

        def behave(handler: web.RequestHandler) -> None:
            handler.clear_header("Content-Type")
            for name, value in headers.items():
                handler.set_header(name, value)
            handler.set_status(status)
            handler.finish(body if status not in (204, 304) else None)

        self.behave = self.refuse = behave

    @property
    def asked(self) -> httputil.HTTPServerRequest:
        """The last request."""
        return self.requests[-1]

    async def stop(self) -> None:
        self.server.stop()
        await self.server.close_all_connections()


class _Handler(web.RequestHandler):
    fake: Fake

    def initialize(self, fake: Fake) -> None:
        self.fake = fake

    def compute_etag(self) -> None:
        """None of its own."""

    async def get(self) -> None:
        self.fake.requests.append(self.request)
        assert self.fake.behave is not None
        if (work := self.fake.behave(self)) is not None:
            await work

    post = patch = delete = put = get

    def on_connection_close(self) -> None:
        self.fake.gone.set()


class FakeSocket(websocket.WebSocketHandler):
    fake: Fake
    received: list[str | bytes]

    def initialize(self, fake: Fake) -> None:
        self.fake, self.received = fake, []
        self.closed = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()

    @property
    def max_message_size(self) -> int:
        return 64 * 1024 * 1024

    async def get(self, *args: str, **kwargs: str) -> None:
        self.fake.requests.append(self.request)
        if self.fake.refuse is not None:
            if (work := self.fake.refuse(self)) is not None:
                await work
            return
        await super().get(*args, **kwargs)

    def check_origin(self, origin: str) -> bool:
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return self.fake.subprotocol if self.fake.subprotocol in subprotocols else None

    def open(self, *args: str, **kwargs: str) -> None:
        self.fake.sockets.append(self)

    async def on_message(self, message: str | bytes) -> None:
        self.received.append(message)
        await self.reading.wait()

    def on_close(self) -> None:
        self.closed.set()


async def start(port: int = 0, tls: ssl.SSLContext | None = None) -> Fake:
    (listening,) = bind_sockets(port, "127.0.0.1")
    url = f"{'https' if tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
    fake = Fake(url, HTTPServer(web.Application(), ssl_options=tls))
    routes: list[Any] = [(f"{API}/ws", FakeSocket, {"fake": fake}), (".*", _Handler, {"fake": fake})]
    application = web.Application(routes, log_function=lambda _: None)
    fake.server.request_callback = application
    fake.server.add_socket(listening)
    return fake
