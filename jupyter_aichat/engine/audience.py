"""Whether somebody reads a run, in whichever process: asked only about a run that waits and has lost its readers here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from jupyter_aichat.bus.base import Bus, Unsubscribe
from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.errors import BusUnavailable

WHO_READS = "who-reads"
READ_HERE = "read-here"


class Audience:
    """Asks the other processes, and answers them.

    Parameters
    ----------
    reads
        Whether a run of another process is read in this one.
    heard
        Called with a run of this process that is read in another one.
    """

    def __init__(
        self, bus: Bus, reads: Callable[[RunId], bool], heard: Callable[[RunId], None], log: logging.Logger
    ) -> None:
        self._bus, self._reads, self._heard, self._log = bus, reads, heard, log
        self._answering: set[asyncio.Task[bool]] = set()
        self._unsubscribe: tuple[Unsubscribe, ...] = ()

    def start(self) -> None:
        """Listen to the bus."""
        self._unsubscribe = (
            self._bus.subscribe(WHO_READS, lambda data: self._answer(RunId(data.decode()))),
            self._bus.subscribe(READ_HERE, lambda data: self._heard(RunId(data.decode()))),
        )

    async def stop(self) -> None:
        """Listen no more."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = ()
        for task in list(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def ask(self, run_id: RunId) -> bool:
        """Ask who reads a run; answers come to `heard` within a moment. False where nobody can be asked."""
        return await self._publish(WHO_READS, run_id)

    def _answer(self, run_id: RunId) -> None:
        if self._reads(run_id):
            task = asyncio.create_task(self._publish(READ_HERE, run_id), name=f"aichat-read-{run_id}")
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _publish(self, topic: str, run_id: RunId) -> bool:
        try:
            await self._bus.publish(topic, run_id.encode())
        except BusUnavailable:
            self._log.debug("The bus takes no signals; nobody can be asked who reads run %s", run_id)
            return False
        return True
