"""What all requests share: a bounded body in, JSON out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import msgspec
from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.iostream import StreamClosedError

from jupyter_aichat.domain.identity import Ending
from jupyter_aichat.errors import (
    TooLarge,
    Unauthenticated,
    UnsupportedMedia,
)
from jupyter_aichat.protocol.bodies import MAX_BODY
from jupyter_aichat.protocol.codec import decode, decode_query, encode
from jupyter_aichat.protocol.errors import body_of
from jupyter_aichat.server.host import Host
from jupyter_aichat.server.hosted import HostedHandler
from jupyter_aichat.server.table import NOWHERE, Route
from jupyter_aichat.server.uploads import TIMEOUT_S

BODY_TIMEOUT_S = 60.0
LINGER_S = 10.0
UNWANTED_S = 2.0
"""How long the body of a request that is not let in is waited for, before it is told so."""
LINGER_BYTES = 64 * MAX_BODY

T = TypeVar("T")


@web.stream_request_body
class AIChatHandler(HostedHandler, APIHandler):
    """Base of all REST handlers.

    The body is read by ourselves, and only after the request was let in: the server's own bound is 512 MiB.
    """

    _unwatch: Callable[[], None] | None = None
    _uploading: Callable[[], None] | None = None
    is_over = False
    """Whether what the request came with lets nobody in any more."""

    def initialize(self, host: Host, route: Route = NOWHERE) -> None:
        """Take what the URL table hands over.

        A request without a body has been read, which tornado does not know before `prepare`: where that refuses it, the
        connection would be closed for nothing.
        """
        super().initialize(host, route)
        if "Transfer-Encoding" not in self.request.headers and self._length == 0:
            cast("Any", self.request.connection)._read_finished = True  # noqa: SLF001 (there is no other way to say it)

    async def prepare(self) -> None:  # type: ignore[override]
        """Let the request in, then bound its body."""
        self._body = bytearray()
        connection: Any = self.request.connection
        connection.set_max_body_size(max(LINGER_BYTES, 2 * self.most_body))  # also of what is refused
        if self._is_upload:
            connection.set_body_timeout(TIMEOUT_S)
        elif not self.host.has_accounts:  # the service's own server has a bound for all requests
            connection.set_body_timeout(BODY_TIMEOUT_S)
        try:
            await super().prepare()
            if self.request.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise UnsupportedMedia("Send the body without a Content-Encoding.")
            if self._is_upload and self._length <= self.most_body:
                self._uploading = self.host.uploads.begin(self.owner)
        except Exception:
            await self.read_unwanted()
            raise
        if self._length > self.most_body:
            await self._refuse_large(self._length)
        elif not connection._read_finished:  # noqa: SLF001
            self.keep_watching()

    def keep_watching(self) -> None:
        """Notice from now on when what the request came with lets nobody in any more.

        For what takes a while: a body may come for a minute after its headers, and must not be carried out after a logout.
        """
        self._unwatch = self.watch_credential(self.credential_ended)

    def credential_ended(self, _ending: Ending) -> None:
        """Let the body, once it is there, not be carried out."""
        self.is_over = True

    def _look_away(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
        if self._uploading is not None:
            self._uploading()

    def on_finish(self) -> None:
        """Watch no more."""
        super().on_finish()
        self._look_away()

    def on_connection_close(self) -> None:
        """Watch no more."""
        super().on_connection_close()
        self._look_away()

    @property
    def _is_upload(self) -> bool:
        return self.verb is not None and self.verb.upload

    @property
    def most_body(self) -> int:
        """The largest body that is taken, in bytes."""
        return self.host.uploads.most_bytes if self._is_upload else MAX_BODY

    @property
    def _length(self) -> int:
        """Bytes of the body, 0 where that is not told."""
        length = self.request.headers.get("Content-Length", "")
        return int(length) if length.isdigit() else 0

    async def _refuse_large(self, length: int) -> None:
        """Answer at once, then read on for a while."""
        body = encode(body_of(self._too_large()))
        self.set_status(413)
        self.set_header("Content-Type", "application/json")
        self.set_header("Content-Length", str(len(body)))
        self.set_header("Connection", "close")
        self.write(body)
        with suppress(StreamClosedError):
            await self.flush()
        await self._read_on(min(length, LINGER_BYTES), LINGER_S)
        self.finish()

    async def read_unwanted(self) -> None:
        """Read the body of a request that is not let in, before it is told so."""
        await self._read_on(min(self._length, MAX_BODY), UNWANTED_S)

    async def _read_on(self, left: int, for_s: float) -> None:
        """Read what is left of a body that nobody wants, and keep nothing.

        A connection that is closed while the client is still sending is reset, and many clients then never read the
        answer (https://www.rfc-editor.org/rfc/rfc9112#section-9.6).
        """
        connection: Any = self.request.connection
        with suppress(StreamClosedError, TimeoutError):
            async with asyncio.timeout(for_s):
                while left > 0:
                    left -= len(await connection.stream.read_bytes(min(left, 64 * 1024), partial=True))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write an error's body; the connection of a request whose body has no reader ends with it."""
        if not cast("Any", self.request.connection)._read_finished:  # noqa: SLF001
            self.set_header("Connection", "close")
        super().write_error(status_code, **kwargs)

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body; one that has no length beforehand is refused as soon as it is too long."""
        if len(self._body) + len(chunk) <= self.most_body:
            self._body += chunk
        elif not self._finished:
            self._body.clear()
            self.send_error(exc_info=(TooLarge, self._too_large(), None))

    def body(self, decoder: msgspec.json.Decoder[T]) -> T:
        """Return the request's body, or raise `InvalidRequest`; `Unauthenticated` where the credential ended meanwhile."""
        if self.is_over:
            raise Unauthenticated
        return decode(self._body, decoder)

    def take_body(self) -> bytearray:
        """Return the request's body as it came, and keep nothing of it."""
        found, self._body = self._body, bytearray()
        return found

    def query(self, kind: type[T]) -> T:
        """Return the request's query parameters, or raise `InvalidRequest`."""
        return decode_query(self.request.query_arguments, kind)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body is larger than {self.most_body:,} bytes.", limit=self.most_body)

    def reply(self, value: object, status: int = 200) -> None:
        """Send a value and finish."""
        self.set_status(status)
        self.finish(encode(value))

    def done(self) -> None:
        """Answer that there is nothing to say."""
        self.set_status(204)
        self.finish()
