"""Taking away what is left of large chats that were deleted: a portion at once, so that nobody waits long for it.

Whoever deletes one begins at once; what a process left that died meanwhile, any other finds within a minute, or at its start.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from jupyter_aichat.engine.rest import Rest
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.logs.context import nobodys
from jupyter_aichat.stores.base import Store

LOOK_S = 60.0


class Clearing:
    """Clears the store beside everything else; of two that do so at once each finds what the other has not taken."""

    def __init__(self, store: Store, log: logging.Logger) -> None:
        self._store, self._log = store, log
        self._soon = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with what others left."""
        self._task = asyncio.create_task(self._look_on(), name="aichat-clearing", context=nobodys())

    async def stop(self) -> None:
        """Take nothing more away; another process goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def soon(self) -> None:
        """Look now: a chat was deleted."""
        self._soon.set()

    async def _look_on(self) -> None:
        while True:
            self._soon.clear()
            try:
                await clear(self._store)
            except AIChatError as error:
                self._log.debug("What is left of deleted chats cannot be taken away right now: %s", error.code)
            except Exception:  # noqa: BLE001 (chats are deleted tomorrow as well)
                self._log.exception("Taking away what is left of deleted chats failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._soon.wait()


async def clear(store: Store) -> None:
    """Take away all that is left of deleted chats; rests as long as it works."""
    rest = Rest()
    while await store.clear():
        await rest.take()
