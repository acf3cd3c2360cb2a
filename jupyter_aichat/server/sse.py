"""Server-sent events: the same outbox as the socket's, over a response that stays open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jupyter_aichat.domain.identity import Ending
from jupyter_aichat.server.base import AIChatHandler
from jupyter_aichat.server.outbox import Outbox

KEEPALIVE_S = 15.0
_COMMENT = b":\n\n"


class EventStreamHandler(AIChatHandler):
    """A response that goes on until it is closed from either end. A subclass calls `begin`, then `send_until_closed`."""

    _let_go: Callable[[], None] | None = None

    def begin(self) -> None:
        """Open the outbox, and tell the client at once that it is heard; raises `RateLimited`."""
        self._let_go = self.count_connection()
        self._over = asyncio.Event()
        self.outbox = Outbox(self._write, self.close)
        self.outbox.post(_COMMENT)
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")

    def _write(self, frames: list[bytes]) -> asyncio.Future[None] | None:
        self.write(b"".join(frames))
        return self.flush()

    async def send_until_closed(self) -> None:
        """Return when the client has gone, the server goes, or `close` was called and all has been sent."""
        connections = self.host.lifecycle.connections
        connections.add(self)
        unwatch = self.watch_credential(self._credential_ended)
        try:
            while not self._over.is_set():
                try:
                    async with asyncio.timeout(KEEPALIVE_S):
                        await self._over.wait()
                except TimeoutError:
                    self.outbox.post(_COMMENT)
            await self.outbox.drained()
        finally:
            unwatch()
            connections.discard(self)
            self.outbox.close()
        if not self._finished:
            self.finish(set_content_type="text/event-stream")

    def close(self) -> None:
        """End the response after what was posted."""
        self._over.set()

    def _credential_ended(self, _ending: Ending) -> None:
        """End the response at once: what was not sent yet is not sent. Who comes back is told why."""
        self.outbox.close()
        self.close()

    def server_stops(self) -> None:
        """End the response: the client comes back by itself."""
        self.close()

    def _disconnected(self) -> None:
        if self._let_go is not None:
            self._let_go()

    def on_finish(self) -> None:
        """Count the connection no more."""
        super().on_finish()
        self._disconnected()

    def on_connection_close(self) -> None:
        """Let go of everything at once."""
        super().on_connection_close()
        self._disconnected()
        if outbox := getattr(self, "outbox", None):
            outbox.close()
            self._over.set()
