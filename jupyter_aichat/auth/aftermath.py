"""What an end of access does to what belongs to an account, once more when it is over everywhere.

A process may believe a credential for a second after its end, and what was let in before may still be under way: a chat
that is made then would outlive its account, an answer that begins then would not stop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from jupyter_aichat.auth.standings import FRESH_S
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.logs.context import nobodys

AFTER_S = 2 * FRESH_S

Work = Callable[[], Awaitable[object]]


class Aftermath:
    """Does things once more, after a while or when this process stops."""

    def __init__(self, log: logging.Logger, after_s: float = AFTER_S) -> None:
        self._log, self._after_s = log, after_s
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, work: Work) -> None:
        """Do some work when the end must have been heard everywhere."""
        task = asyncio.create_task(self._do(work), name="aichat-aftermath", context=nobodys())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def waits(self) -> bool:
        """Whether there is something to do yet."""
        return bool(self._tasks)

    async def done(self) -> None:
        """Wait until all is done in its time."""
        await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Do at once what waits."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    async def _do(self, work: Work) -> None:
        try:
            async with asyncio.timeout(self._after_s):
                await self._stopping.wait()
        except TimeoutError:
            pass
        try:
            await work()
        except AIChatError as error:
            self._log.warning("What is left of an account could not be looked for: %s", error.code)
        except Exception:  # noqa: BLE001 (the top of a task: whoever ended the access has been answered)
            self._log.exception("What is left of an account could not be looked for")
