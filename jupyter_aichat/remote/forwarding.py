"""Requests go to the service as the URL table describes them, and its answers come back as they are.

Under the Jupyter server's own login: who may not ask here is refused here. Up goes only what the table knows, down only
what cannot harm the page it goes to.
"""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from tornado import web
from tornado.iostream import StreamClosedError

from jupyter_aichat._version import __version__
from jupyter_aichat.errors import AIChatError, InvalidRequest
from jupyter_aichat.protocol.bodies import HealthReply
from jupyter_aichat.protocol.codec import encode
from jupyter_aichat.remote.address import target
from jupyter_aichat.remote.exchange import Asked, Fault
from jupyter_aichat.remote.gateway import Gateway
from jupyter_aichat.remote.relayed import (
    EVENT_STREAM,
    JSON,
    MAX_ERROR,
    disposition_of,
    error_of,
    headers_of,
    kind_of,
)
from jupyter_aichat.server.base import AIChatHandler
from jupyter_aichat.server.host import Host
from jupyter_aichat.server.lifecycle import DOWN
from jupyter_aichat.server.table import Route, Verb

if TYPE_CHECKING:
    from jupyter_aichat.remote.http import Answer

_UP = ("Last-Event-ID", "Idempotency-Key", "If-None-Match")
_WITH_BODY = ("POST", "PATCH", "PUT")
_NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class RemoteHandler(AIChatHandler):
    """What the handlers of remote mode share."""

    _answer: Answer | None = None

    def initialize(self, host: Host, route: Route, gateway: Gateway) -> None:  # type: ignore[override]
        """Take what the URL table hands over."""
        super().initialize(host, route)
        self.gateway = gateway

    @property
    def content_security_policy(self) -> str:
        """The server's, and no rights at all for what is opened as a document."""
        return f"{super().content_security_policy}; sandbox"

    def compute_etag(self) -> None:
        """Leave that to the service."""

    async def forward(self, segments: dict[str, str], *, anonymous: bool = False) -> None:
        """Ask the service, and relay its answer."""
        verb = self.verb
        if verb is None:
            raise web.HTTPError(HTTPStatus.METHOD_NOT_ALLOWED)
        if "token" in segments:  # who knows the link of a share may read it: the server's log is not to know it
            self.request.uri = self.route.path
        asked = Asked(self._method, target(self.route.path, segments, self._query(verb)), self._along(), self._sent())
        self._answer = await self.gateway.ask(None if anonymous else self, asked)
        try:
            await self._relay(self._answer, verb)
        except Fault as fault:
            self._break_off(self.gateway.error_of(fault))
        except StreamClosedError:
            pass  # the client has gone
        finally:
            self._answer.close()

    @property
    def _method(self) -> str:
        return str(self.request.method)

    def _query(self, verb: Verb) -> dict[str, str]:
        """The parameters that the verb knows; others are the Jupyter server's own, its token among them."""
        if verb.query is None:
            return {}
        names = [field.encode_name for field in msgspec.structs.fields(verb.query)]
        given = ((name, self.request.query_arguments.get(name)) for name in names)
        return {name: _text(values[-1]) for name, values in given if values}

    def _along(self) -> dict[str, str]:
        """What goes along beside the body: values of printable ASCII."""
        given = ((name, self.request.headers.get(name)) for name in _UP)
        headers = {name: value for name, value in given if value is not None}
        if any(not (value.isascii() and value.isprintable()) for value in headers.values()):
            raise InvalidRequest("A header holds more than printable ASCII.")
        if self._method in _WITH_BODY:
            headers["Content-Type"] = JSON
        return headers

    def _sent(self) -> bytes | None:
        return bytes(self.take_body()) if self._method in _WITH_BODY else None

    async def _relay(self, answer: Answer, verb: Verb) -> None:
        url, status = self.gateway.url, answer.status
        if status not in verb.statuses and status not in _NO_BODY:
            error = error_of(status, answer.headers, await answer.whole(MAX_ERROR), url, self.gateway.refusal)
            kind, body = JSON, encode(error)
        elif status in _NO_BODY:
            kind, body = JSON, b""
        else:
            kind, body = kind_of(answer.headers, url), None
        self.set_status(status)
        for name, value in headers_of(answer.headers):
            self.set_header(name, value)
        self.set_header("Content-Type", kind)
        if body is None:
            await self._stream(answer, kind)
        else:
            self.finish(body or None)

    async def _stream(self, answer: Answer, kind: str) -> None:
        """Relay an answer as it comes, at the pace at which the client takes it."""
        if kind == EVENT_STREAM:
            self.set_header("Cache-Control", "no-store")
            self.set_header("X-Accel-Buffering", "no")
        elif (saved := disposition_of(answer.headers, kind)) is not None:
            self.set_header("Content-Disposition", saved)
            self.set_header("Cache-Control", "no-store")
        if (length := answer.headers.get("Content-Length", "")).isdecimal():
            self.set_header("Content-Length", length)
        while data := await answer.read():
            self.write(data)
            await self.flush()
        self.finish(set_content_type=kind)

    def _break_off(self, error: AIChatError) -> None:
        """Say what happened; a client that has read a part already must not take that for the whole."""
        if not self._headers_written:
            raise error
        with suppress(StreamClosedError):
            self.detach().close()

    def on_connection_close(self) -> None:
        """Hang up: nobody reads on."""
        super().on_connection_close()
        if self._answer is not None:
            self._answer.close()


class ForwardHandler(RemoteHandler):
    """Everything that needs a login."""

    @web.authenticated
    @authorized
    async def get(self, **segments: str) -> None:
        """Forward a read; all but an open stream of news keep the server from being culled."""
        if self.route.path == "/events":
            await self.forward(segments)
        else:
            await self._count(segments)

    @web.authenticated
    @authorized
    async def post(self, **segments: str) -> None:
        """Forward a write."""
        await self._count(segments)

    @web.authenticated
    @authorized
    async def patch(self, **segments: str) -> None:
        """Forward a change."""
        await self._count(segments)

    @web.authenticated
    @authorized
    async def delete(self, **segments: str) -> None:
        """Forward a deletion."""
        await self._count(segments)

    async def _count(self, segments: dict[str, str]) -> None:
        with self.gateway.activity.request():
            await self.forward(segments)


class RemoteReadyHandler(RemoteHandler):
    """Whether the service can serve, for whoever asks this server: open to all, so asked without the token."""

    _track_activity = False

    @allow_unauthenticated
    async def get(self) -> None:
        """Forward the question; a service that does not answer is down."""
        try:
            await self.forward({}, anonymous=True)
        except AIChatError:
            self.reply(DOWN, HTTPStatus.SERVICE_UNAVAILABLE)


class RemoteHealthHandler(RemoteHandler):
    """Whether this process lives; what it last saw of the service is told, and never waited for."""

    _track_activity = False

    @allow_unauthenticated
    def get(self) -> None:
        """Say that the process lives."""
        gateway = self.gateway
        self.reply(HealthReply("ok", gateway.state, gateway.failure, __version__, gateway.seen))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("A parameter is not UTF-8.") from None
