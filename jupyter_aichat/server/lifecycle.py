"""The life of the engine, and of accounts where there are some, inside a server: starting, ready, failed, stopping.

Requests may arrive before the start hook has run, and a failed start leaves the server serving. So handlers ask here for
the engine, and get an error with a code while there is none. A failed start is tried again, ever more slowly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import chain, repeat
from typing import TYPE_CHECKING, Literal, Protocol

from jupyter_aichat.domain.readiness import Parts, Readiness
from jupyter_aichat.errors import AIChatError, NotReady
from jupyter_aichat.server.collector import Collector

if TYPE_CHECKING:
    from jupyter_aichat.auth.assembly import AccountService
    from jupyter_aichat.engine.engine import Engine

STOP_S = 5.0
GRACE_S = 3.0
RETRY_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)

State = Literal["starting", "ready", "failed", "stopping"]
DOWN = Readiness("down", Parts(store="down", bus="down", cache="down", provider="down"))


class Open(Protocol):
    """A connection that stays open until one of its ends goes."""

    def server_stops(self) -> None:
        """Tell the other end that the server goes, and close."""


class Lifecycle:
    """Starts and stops the engine, and closes the connections with it.

    Parameters
    ----------
    make
        Makes an engine, and the accounts of a service on the same store, and opens nothing; called for each try to start.
    """

    def __init__(self, make: Callable[[], tuple[Engine, AccountService | None]], log: logging.Logger) -> None:
        self._make, self._log = make, log
        self._engine: Engine | None = None
        self._accounts: AccountService | None = None
        self._error: AIChatError | None = None
        self._task: asyncio.Task[None] | None = None
        self._collector = Collector()
        self.state: State = "starting"
        self.connections: set[Open] = set()

    @property
    def engine(self) -> Engine:
        """The running engine; raises what keeps it from running."""
        if self._engine is None or self.state != "ready":
            raise self._error or NotReady()
        return self._engine

    @property
    def accounts(self) -> AccountService | None:
        """The accounts, None where there are none; raises what keeps them from running."""
        _ = self.engine
        return self._accounts

    @property
    def active_runs(self) -> int:
        """How many answers are being written."""
        return 0 if self._engine is None else self._engine.active_runs

    @property
    def failure(self) -> str | None:
        """The code of what a failed start was about."""
        return None if self._error is None else self._error.code

    async def readiness(self) -> Readiness:
        """Return the state of all parts: down unless the engine runs."""
        return await self.engine.readiness() if self.state == "ready" else DOWN

    async def start(self) -> None:
        """Start the engine; return after the first try, whatever came of it, while further ones go on behind."""
        if self._task is None and self.state == "starting":
            tried = asyncio.Event()
            self._task = asyncio.create_task(self._start(tried), name="aichat-start")
            await tried.wait()

    async def _start(self, tried: asyncio.Event) -> None:
        try:
            for pause_s in chain(RETRY_S, repeat(RETRY_S[-1])):
                await self._try()
                tried.set()
                if self.state == "ready":
                    return
                await asyncio.sleep(pause_s)
        finally:
            tried.set()

    async def _try(self) -> None:
        try:
            engine, accounts = self._make()
            await engine.start()
            if accounts is not None:
                await accounts.accounts.start()
        except AIChatError as error:
            self._log.error("The chat cannot start: %s", error)
            self.state, self._error = "failed", error
        except Exception:  # noqa: BLE001 (a fault here must not take the whole Jupyter server along)
            self._log.exception("The chat cannot start")
            self.state, self._error = "failed", NotReady("The chat server could not start; its log says why.")
        else:
            self._engine, self._accounts, self._error, self.state = engine, accounts, None, "ready"
            self._collector.spare_what_is_there()

    async def stop(self) -> None:
        """Stop the engine and close all connections within `STOP_S` seconds; never raises, may be called at any time."""
        if self.state == "stopping":
            return
        self.state, self._error = "stopping", None
        self._collector.release()
        try:
            async with asyncio.timeout(STOP_S):
                await self._stop()
        except Exception:  # noqa: BLE001 (an exception here would keep the Jupyter server from ever stopping)
            self._log.exception("Stopping the chat failed")
        for connection in tuple(self.connections):
            connection.server_stops()

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._accounts is not None:
            await self._accounts.accounts.stop()
        if self._engine is not None:
            await self._engine.stop(GRACE_S)
