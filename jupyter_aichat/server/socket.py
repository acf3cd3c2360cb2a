"""The WebSocket: lets a client in, and hands its text over to a `Connection`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jupyter_server.auth.decorator import ws_authenticated

from jupyter_aichat.domain.identity import Ending
from jupyter_aichat.errors import InvalidRequest
from jupyter_aichat.protocol.codec import encode
from jupyter_aichat.protocol.errors import frame_of
from jupyter_aichat.server.busy import ACTIVITY
from jupyter_aichat.server.client_socket import POLICY_VIOLATION, ClientSocketHandler
from jupyter_aichat.server.connection import Connection
from jupyter_aichat.server.outbox import Outbox

MAX_LINES = 1000

UNSUPPORTED_DATA = 1003
SERVICE_RESTART = 1012
CREDENTIAL_ENDED = 4401
ACCESS_REVOKED = 4403


class SocketHandler(ClientSocketHandler):
    """One client's socket."""

    _outbox: Outbox | None = None
    _connection: Connection | None = None
    _unwatch: Callable[[], None] | None = None

    def check_origin(self, origin: str | None = None) -> bool:
        """Whether a page of this origin may open a socket."""
        if not self.host.has_accounts:
            return bool(super().check_origin(origin))
        return self.host.origins.has(self.request)

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Let the client in."""
        await self.check_authorized()
        _ = self.engine  # without one the handshake is refused, with its error
        let_go = self.count_connection()
        try:
            await super().get(*args, **kwargs)  # until the socket closes
        finally:
            let_go()

    def open(self, *_args: Any, **_kwargs: Any) -> None:
        """Begin to talk."""
        self.set_nodelay(True)
        self._outbox = Outbox(self.write_frames, self._overflow)
        self._connection = Connection(
            self.engine, self.principal, self._outbox, self.log, self.permits(), tracing=self.host.tracing
        )
        self._connection.open()
        self.host.lifecycle.connections.add(self)
        self._unwatch = self.watch_credential(self._credential_ended)

    def _credential_ended(self, ending: Ending) -> None:
        """Close, and say whether it helps to come back with another token."""
        if self._connection is not None:
            self._connection.revoke()
        self.close(ACCESS_REVOKED if ending == "revoked" else CREDENTIAL_ENDED, ending)

    async def on_message(self, message: str | bytes) -> None:
        """Take a message's frames, one a line; the next message is read when there is room for it."""
        if isinstance(message, bytes):
            self.close(UNSUPPORTED_DATA, "frames are text")
        elif self._connection is not None and self._outbox is not None:
            self.settings["last_activity_times"][ACTIVITY] = datetime.now(UTC)
            data = message.encode()
            if data.count(b"\n") > MAX_LINES:
                error = InvalidRequest(f"A message may carry {MAX_LINES} frames at most.", limit=MAX_LINES)
                self._outbox.post(encode(frame_of(error, None)))
            else:
                await self._take(self._connection, data)

    async def _take(self, connection: Connection, data: bytes) -> None:
        for line in data.split(b"\n"):
            if line and not line.isspace():
                await connection.receive(line)

    def _overflow(self) -> None:
        self.close(POLICY_VIOLATION, "too slow")

    def server_stops(self) -> None:
        """Send what is ready, then tell the client to come back."""
        if self._outbox is not None:
            self._outbox.flush()
        self.close(SERVICE_RESTART, "restart")

    def on_close(self) -> None:
        """Let go of everything at once; may come before `open`."""
        self.host.lifecycle.connections.discard(self)
        if self._unwatch is not None:
            self._unwatch()
        if self._connection is not None:
            self._connection.close()
