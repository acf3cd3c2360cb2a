"""What a client's socket is here, whoever answers on it: how long it may be silent, how large its messages, who may open it.

Tornado's own pings keep it alive. `WebSocketMixin.open` is not called: it would start a second timer, which reads our
seconds as milliseconds (https://github.com/jupyter-server/jupyter_server/issues/1612).
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

from jupyter_core.utils import ensure_async
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.iostream import IOStream
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from jupyter_aichat.protocol.bodies import MAX_BODY
from jupyter_aichat.protocol.frames import PROTOCOL
from jupyter_aichat.server.hosted import AUTH_RESOURCE, REQUEST_ID_HEADER, HostedHandler
from jupyter_aichat.server.pings import WEBSOCKET_PINGS_PER_S, Pings

PING_INTERVAL_S = 25.0
PING_TIMEOUT_S = 10.0
POLICY_VIOLATION = 1008


class ClientSocketHandler(WebSocketMixin, WebSocketHandler, HostedHandler):
    """Base of the sockets that clients open."""

    _pings: Pings | None = None

    def set_default_headers(self) -> None:
        """Set no others than the request's name: a handshake's answer has no content to protect."""
        self.set_header(REQUEST_ID_HEADER, self.request_id)

    @property
    def ping_interval(self) -> float:
        """Seconds, as tornado reads it."""
        return PING_INTERVAL_S

    @property
    def ping_timeout(self) -> float:
        """Seconds, as tornado reads it."""
        return PING_TIMEOUT_S

    @property
    def max_message_size(self) -> int:
        """Bytes; tornado closes with 1009 where there are more."""
        return MAX_BODY

    def on_ping(self, data: bytes) -> None:  # noqa: ARG002 (tornado has answered)
        """Hang up on who pings without end; a goodbye is said once, and not waited for."""
        self._pings = self._pings or Pings(WEBSOCKET_PINGS_PER_S)
        if not self._pings.are_too_many():
            return
        protocol = self.ws_connection
        if protocol is not None and not protocol.is_closing():
            self.close(POLICY_VIOLATION, "too many pings")
        elif protocol is not None and protocol.stream is not None:
            protocol.stream.close()

    def write_frames(self, frames: list[bytes]) -> asyncio.Future[None] | None:
        """Write frames as one text message, straight to the connection.

        `write_message` costs a task for each message, which is most of what a token would cost; a write that the system
        takes at once needs not even a future.
        """
        protocol = self.ws_connection
        if protocol is None or protocol.is_closing():
            raise WebSocketClosedError
        payload = frames[0] if len(frames) == 1 else b"\n".join(frames)
        message = _text_header(len(payload)) + payload
        stream = protocol.stream
        assert stream is not None
        sent = 0
        if type(stream) is IOStream and not stream.writing():
            with suppress(OSError):  # what is wrong with the socket, `stream.write` finds too, and closes it
                sent = stream.socket.send(message)
            if sent == len(message):
                return None
        return stream.write(memoryview(message)[sent:])

    async def check_authorized(self) -> None:
        """Refuse who may not open a socket."""
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, "execute", AUTH_RESOURCE)):
            raise web.HTTPError(403, "Forbidden")

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Choose ours; a credential among them is never echoed."""
        return PROTOCOL if PROTOCOL in subprotocols else None


def _text_header(size: int) -> bytes:
    """Return the header of one whole, unmasked text message (RFC 6455, 5.2)."""
    if size < 126:
        return struct.pack("!BB", 0x81, size)
    if size < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, size)
    return struct.pack("!BBQ", 0x81, 127, size)
