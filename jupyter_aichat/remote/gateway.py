"""The way to the service: its life inside a Jupyter server, and each exchange's credentials and errors."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from jupyter_server.base.handlers import JupyterHandler

from jupyter_aichat.errors import AIChatError, NotReady
from jupyter_aichat.remote import faults
from jupyter_aichat.remote.activity import Activity
from jupyter_aichat.remote.address import base_url, page_url, shown
from jupyter_aichat.remote.credentials import Credentials, OwnToken
from jupyter_aichat.remote.exchange import Asked, Fault, FaultKind, Refusal
from jupyter_aichat.remote.hub import hub_page
from jupyter_aichat.remote.mode import RemoteMode
from jupyter_aichat.server.lifecycle import Open, State

if TYPE_CHECKING:
    from jupyter_aichat.remote.http import Answer, Client, Socket

STOP_S = 5.0
_HTTP = "jupyter_aichat.remote.http"

Seen = Literal["unknown", "ok", "away", "refused"]


class Gateway:
    """Asks the service for those who ask this server.

    Parameters
    ----------
    credentials
        Whose token goes along. Default: the one of the settings.
    """

    def __init__(self, mode: RemoteMode, log: logging.Logger, credentials: Credentials | None = None) -> None:
        self._mode, self._log = mode, log
        self._credentials = credentials or OwnToken(mode)
        self._client: Client | None = None
        self._error: AIChatError | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.state: State = "starting"
        self.seen: Seen = "unknown"
        self._base = self._address(mode)
        self.url = shown(self._base)
        self.page = page_url(mode.page_url or hub_page(self.url) or self.url)
        self.activity = Activity()
        self.connections: set[Open] = set()

    def _address(self, mode: RemoteMode) -> str:
        """Where to ask; "" for what cannot be an address, which is told at the start, and never shown: it may hold a password."""
        try:
            return base_url(mode.service_url, allow_http=mode.allow_http)
        except NotReady as error:
            self._error = error
            return ""

    @property
    def failure(self) -> str | None:
        """The code of what a failed start was about."""
        return None if self._error is None else self._error.code

    @property
    def active_runs(self) -> int:
        """How many answers and requests go through this server."""
        return self.activity.under_way

    async def start(self) -> None:
        """Get ready to ask; asks nothing of the network. Failures are kept for those who ask."""
        if self.state != "starting":
            return
        try:
            await self._open()
        except AIChatError as error:
            self._fail(error)
        except Exception:  # noqa: BLE001 (a fault here must not take the whole Jupyter server along)
            self._log.exception("The chat cannot start")
            self._fail(NotReady("The way to the chat service could not be opened; the server's log says why."))

    def _fail(self, error: AIChatError) -> None:
        self._log.error("The chat cannot start: %s", error)
        self.state, self._error = "failed", error

    async def _open(self) -> None:
        mode = self._mode
        if self._error is not None:
            raise self._error
        http = await asyncio.to_thread(
            importlib.import_module, _HTTP
        )  # a tenth of a second, in which others are answered
        try:
            tls = await asyncio.to_thread(http.trust, self._base, mode.ca_file)
        except OSError as error:
            raise NotReady(f"RemoteMode.ca_file cannot be read: {error.strerror or error}.") from None
        if self.state == "starting":  # not stopped meanwhile
            self._client = http.Client(self._base, tls, mode.connect_timeout_s, mode.timeout_s)
            self.state = "ready"

    async def ask(self, asker: JupyterHandler | None, asked: Asked) -> Answer:
        """Return the service's answer to a request, with the asker's token; for nobody in particular without one.

        Raises `NotReady` where nobody answers, `BadUpstream` where it is somebody else, `Unauthenticated` without a token.
        """
        client = self._ready
        token = None if asker is None else await self._credentials.token(asker)
        try:
            answer = await client.ask(asked, token)
        except Fault as fault:
            raise self.error_of(fault) from None
        self._learn(answer.status, token)
        return answer

    async def dial(self, asker: JupyterHandler, target: str) -> Socket:
        """Return a socket to the service; raises what `ask` raises, and `Refusal` for another refusal."""
        client = self._ready
        token = await self._credentials.token(asker)
        try:
            socket = await client.dial(target, token)
        except Fault as fault:
            raise self.error_of(fault) from None
        except Refusal as refusal:
            self._learn(refusal.status, token)
            raise
        self.seen = "ok"
        return socket

    @property
    def _ready(self) -> Client:
        if self._client is None or self.state != "ready":
            raise self._error or NotReady()
        return self._client

    def refusal(self) -> AIChatError:
        """Return what a person is told whose token the service does not take."""
        return self._credentials.refusal(self.url)

    def error_of(self, fault: Fault) -> AIChatError:
        """Return what a person is told of a fault."""
        if fault.kind is FaultKind.AWAY:
            self.seen = "away"
        return _ERRORS[fault.kind](self.url)

    def _learn(self, status: int, token: str | None) -> None:
        self.seen = "ok"
        if status == HTTPStatus.UNAUTHORIZED and token is not None:
            self.seen = "refused"
            self._credentials.refused(token)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Do something that nobody waits for."""
        task = asyncio.create_task(work, name="aichat-remote")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Close all connections within `STOP_S` seconds; never raises, may be called at any time."""
        if self.state == "stopping":
            return
        self.state, self._error = "stopping", None
        try:
            for connection in tuple(self.connections):
                connection.server_stops()
            async with asyncio.timeout(STOP_S):
                if self._client is not None:
                    await self._client.close()
        except Exception:  # noqa: BLE001 (an exception here would keep the Jupyter server from ever stopping)
            self._log.exception("Stopping the chat failed")


_ERRORS: dict[FaultKind, Callable[[str], AIChatError]] = {
    FaultKind.AWAY: faults.away,
    FaultKind.TLS: faults.untrusted,
    FaultKind.NOT_HTTP: faults.not_the_service,
    FaultKind.NO_SOCKET: faults.not_the_service,
    FaultKind.TOO_LARGE: faults.not_the_service,
    FaultKind.CUT: faults.cut,
}
