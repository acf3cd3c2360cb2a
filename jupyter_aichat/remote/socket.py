"""The WebSocket, between a client of this server and the service: frames pass as they are, both ways.

The service is asked before the client is let in, so that a refusal is an answer that says why. Neither end is read faster
than the other takes it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import ws_authenticated
from tornado import web
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

from jupyter_aichat.protocol.codec import encode
from jupyter_aichat.remote.activity import Followed
from jupyter_aichat.remote.exchange import Refusal
from jupyter_aichat.remote.gateway import Gateway
from jupyter_aichat.remote.relayed import JSON, error_of, headers_of
from jupyter_aichat.server.busy import ACTIVITY
from jupyter_aichat.server.client_socket import ClientSocketHandler
from jupyter_aichat.server.host import Host
from jupyter_aichat.server.socket import SERVICE_RESTART, UNSUPPORTED_DATA
from jupyter_aichat.server.table import Route

if TYPE_CHECKING:
    from jupyter_aichat.remote.http import Socket

GOING_AWAY = 1001
_SPOKEN = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})
"""The codes that may stand in a close frame; others only say what happened at one end."""


class RemoteSocketHandler(ClientSocketHandler):
    """One client's socket, and one to the service behind it."""

    _service: Socket | None = None
    _followed: Followed

    def initialize(self, host: Host, route: Route, gateway: Gateway) -> None:  # type: ignore[override]
        """Take what the URL table hands over."""
        super().initialize(host, route)
        self.gateway = gateway

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Let the client in if the service does; returns when the socket is over."""
        await self.check_authorized()
        if not self.check_origin():
            raise web.HTTPError(HTTPStatus.FORBIDDEN, "Cross origin websockets not allowed")
        try:
            self._service = await self.gateway.dial(self, self.route.path)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        with self.gateway.activity.socket() as self._followed:
            try:
                await super().get(*args, **kwargs)
            finally:
                self._let_go()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer as the service did."""
        error = error_of(refusal.status, refusal.headers, refusal.body, self.gateway.url, self.gateway.refusal)
        self.set_status(refusal.status)
        for name, value in headers_of(refusal.headers):
            self.set_header(name, value)
        self.set_header("Content-Type", JSON)
        self.finish(encode(error))

    def open(self, *_args: Any, **_kwargs: Any) -> None:
        """Begin to relay."""
        self.set_nodelay(True)
        self.gateway.connections.add(self)
        assert self._service is not None
        self.gateway.spawn(self._relay_down(self._service))

    async def _relay_down(self, service: Socket) -> None:
        try:
            while (message := await service.receive()) is not None:
                self._followed.passed_down(message)
                if (written := self.write_frames([message.encode()])) is not None:
                    await written
        except (WebSocketClosedError, StreamClosedError):
            return
        if service.close_code in _SPOKEN:
            self.close(service.close_code, service.close_reason)
        else:
            self.close(SERVICE_RESTART, "the service went away")

    async def on_message(self, message: str | bytes) -> None:
        """Relay a message; the next one is read when the service takes it."""
        if isinstance(message, bytes):
            self.close(UNSUPPORTED_DATA, "frames are text")
        elif self._service is not None:
            self.settings["last_activity_times"][ACTIVITY] = datetime.now(UTC)
            self._followed.passed_up(message)
            await self._service.send(message)

    def server_stops(self) -> None:
        """Tell the client to come back."""
        self.close(SERVICE_RESTART, "restart")

    def on_close(self) -> None:
        """Let go of everything at once; may come before `open`."""
        self._let_go()

    def _let_go(self) -> None:
        """Hang up at the service, with the client's own words where it had some; that ends the relaying too."""
        self.gateway.connections.discard(self)
        service, self._service = self._service, None
        if service is not None:
            code = self.close_code if self.close_code in _SPOKEN else GOING_AWAY
            self.gateway.spawn(service.close(code or GOING_AWAY, self.close_reason or ""))
