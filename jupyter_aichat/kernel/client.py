"""A running server, over REST and server-sent events: the only module of the kernel that knows httpx."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import unquote, urlsplit

import httpx
import msgspec

from jupyter_aichat.domain.event import Event, RunFinished
from jupyter_aichat.kernel.calls import Call
from jupyter_aichat.kernel.service import Answered, News, ServiceGone, error_in
from jupyter_aichat.kernel.sse import EventParser, ServerSent
from jupyter_aichat.protocol.bodies import ErrorBody, MeReply
from jupyter_aichat.protocol.frames import EventFrame

PROBE = httpx.Timeout(5.0, connect=2.0)
CONNECT_S = 5.0
REQUEST_S = 30.0
SILENCE_S = 40.0
"""Longer than two of the server's signs of life (15 s)."""
PATIENCE_S = 15.0
PAUSES_S = (0.05, 0.2, 0.5, 1.0)


class _RunEvent(msgspec.Struct):
    run_id: str
    chat_id: str
    seq: int
    event: Event


_run_events = msgspec.json.Decoder(_RunEvent)
_news: msgspec.json.Decoder[News] = msgspec.json.Decoder(News)
_me = msgspec.json.Decoder(MeReply)
_errors = msgspec.json.Decoder(ErrorBody)


class ServerClient:
    """A `Service` behind a URL (of the API's base) and a token."""

    def __init__(self, url: str, token: str, *, patience_s: float = PATIENCE_S) -> None:
        self._url, self._patience_s = url, patience_s
        base, transport = _reach(url)
        self._http = httpx.AsyncClient(
            base_url=f"{base.rstrip('/')}/",
            headers={"Authorization": f"token {token}"},
            timeout=httpx.Timeout(REQUEST_S, connect=CONNECT_S),
            transport=transport,
            trust_env=False,  # a proxy is for other machines, and this is the server that started us
        )

    @property
    def place(self) -> str:
        """Where the server is."""
        parts = urlsplit(self._url)
        return f"the server at {parts.scheme}://{unquote(parts.netloc)}"

    async def probe(self) -> bool:
        """Whether a server with our routes is there and lets us in; the service behind it may be away."""
        try:
            answer = await self._http.get("me", timeout=PROBE)
            if answer.status_code == httpx.codes.OK:
                _me.decode(answer.content)
                return True
            return _is_of_service(answer.content)
        except (httpx.HTTPError, msgspec.DecodeError):
            return False

    async def request(self, call: Call, body: bytes | None = None) -> Answered:
        """Carry out a request."""
        headers = None if body is None else {"Content-Type": "application/json"}
        try:
            answer = await self._http.request(call.method, call.path, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise self._gone(error) from None
        self._check_admitted(answer.status_code, answer.content)
        return Answered(answer.status_code, answer.content)

    async def events(self, run_id: str, after: int) -> AsyncGenerator[EventFrame, None]:
        """Yield a run's events, each once; a connection that was cut is opened again where it was."""
        heard, tries = time.monotonic(), 0
        while True:
            try:
                async with aclosing(self._stream(f"runs/{run_id}/events", after)) as stream:
                    async for sent in stream:
                        heard, tries = time.monotonic(), 0
                        after = int(sent.id)
                        if (frame := _frame(sent.data)) is not None:
                            yield frame
                            if isinstance(frame.event, RunFinished):
                                return
            except httpx.HTTPError as error:
                if time.monotonic() - heard > self._patience_s:
                    raise self._gone(error) from None
            await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
            tries += 1

    async def news(self) -> AsyncGenerator[News, None]:
        """Yield the owner's frames, until the connection is cut."""
        try:
            async with aclosing(self._stream("events", None)) as stream:
                async for sent in stream:
                    try:
                        yield _news.decode(sent.data)
                    except msgspec.ValidationError:
                        continue  # a kind that this version does not know
        except httpx.HTTPError as error:
            raise self._gone(error) from None
        raise self._gone(None)

    async def _stream(self, path: str, after: int | None) -> AsyncGenerator[ServerSent, None]:
        parser = EventParser()
        headers = {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": str(after)})
        timeout = httpx.Timeout(SILENCE_S, connect=CONNECT_S)
        async with self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if answer.status_code >= httpx.codes.BAD_REQUEST:
                self._refuse(answer.status_code, await answer.aread())
            async for chunk in answer.aiter_raw():
                for sent in parser.feed(chunk):
                    yield sent

    def _refuse(self, status: int, body: bytes) -> None:
        """Raise what was answered; a server that is starting or stopping counts as a cut connection."""
        if status in (httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT):
            raise httpx.ReadError(f"HTTP {status}")
        self._check_admitted(status, body)
        raise error_in(Answered(status, body))

    def _check_admitted(self, status: int, body: bytes) -> None:
        """Our token is good for one life of a server: where it is not taken, this is another one.

        Unless it is the service behind the server that refuses, which is told as it is.
        """
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN) and not _is_of_service(body):
            raise ServiceGone("The server does not let this kernel in any more: was it started anew?")

    def _gone(self, error: httpx.HTTPError | None) -> ServiceGone:
        why = f" ({type(error).__name__})" if error is not None else ""
        return ServiceGone(f"The server does not answer{why}: is it still running?")

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def _is_of_service(body: bytes) -> bool:
    """Whether an error is about the service behind the server."""
    try:
        return "service" in _errors.decode(body).details
    except msgspec.DecodeError:
        return False


def _frame(data: bytes) -> EventFrame | None:
    """The frame of an event; None for a kind that this version does not know."""
    try:
        found = _run_events.decode(data)
    except msgspec.ValidationError:
        return None
    return EventFrame(found.run_id, found.chat_id, found.seq, found.event)


def _reach(url: str) -> tuple[str, httpx.AsyncHTTPTransport]:
    """How to reach a URL: over a socket file (``http+unix``), or the network.

    A certificate is not asked for on this very machine: servers have self-signed ones here, and nobody is in between.
    """
    parts = urlsplit(url)
    if parts.scheme == "http+unix":
        return f"http://localhost{parts.path}", httpx.AsyncHTTPTransport(uds=unquote(parts.netloc))
    return url, httpx.AsyncHTTPTransport(verify=parts.scheme == "https" and not _is_here(parts.hostname))


def _is_here(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
