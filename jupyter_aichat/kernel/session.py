"""What one kernel knows of its chat: who keeps it, which chat is current, and what each cell asked."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from jupyter_aichat.kernel.api import Api
from jupyter_aichat.kernel.discovery import find
from jupyter_aichat.kernel.loop import BackgroundLoop
from jupyter_aichat.kernel.service import Service, ServiceGone

T = TypeVar("T")


class Question(NamedTuple):
    """A question that was asked in a cell, and the reply before it (None at a chat's beginning)."""

    chat_id: str
    message_id: str
    parent_id: str | None


class Session:
    """One per kernel. Its plain values may be used in any thread, its coroutines on its loop."""

    def __init__(self) -> None:
        self.loop = BackgroundLoop()
        self.cells = Cells()
        self.model: str | None = None
        self._service: Service | None = None
        self._finding = asyncio.Lock()
        self._lock = threading.Lock()
        self._chat_id: str | None = None
        self._watchers: list[Callable[[str | None], None]] = []

    @property
    def chat_id(self) -> str | None:
        """The current chat; None for one that begins with the next question."""
        return self._chat_id

    def use(self, chat_id: str | None) -> None:
        """Make a chat the current one, and tell all who watch."""
        with self._lock:
            changed, self._chat_id = chat_id != self._chat_id, chat_id
            watchers = tuple(self._watchers) if changed else ()
        for watcher in watchers:
            watcher(chat_id)

    def watch(self, watcher: Callable[[str | None], None]) -> Callable[[], None]:
        """Call `watcher` whenever another chat becomes the current one, until the returned function is called."""
        with self._lock:
            self._watchers.append(watcher)

        def forget() -> None:
            with self._lock:
                if watcher in self._watchers:
                    self._watchers.remove(watcher)

        return forget

    async def service(self) -> Service:
        """Return whoever keeps the chats; looked for once, and again after `lose`."""
        async with self._finding:
            if self._service is None:
                self._service = await find()
            return self._service

    async def lose(self, service: Service) -> None:
        """Forget a service that does not answer any more."""
        async with self._finding:
            if self._service is service:
                self._service = None
                await service.close()

    async def with_api(self, work: Callable[[Api], Awaitable[T]]) -> T:
        """Do something with a service; where it has gone, look for another and do it there."""
        service = await self.service()
        try:
            return await work(Api(service))
        except ServiceGone:
            await self.lose(service)
            return await work(Api(await self.service()))


class Cells:
    """Which questions each cell asked when it was run last, so that running it again asks beside them."""

    def __init__(self) -> None:
        self._asked: dict[str, list[Question]] = {}
        self._running: tuple[str, str] = ("", "")
        self._count = 0

    def earlier(self, cell: str, execution: str) -> Question | None:
        """Return what the cell's question of this place was when it ran before; each call is the next place."""
        if (cell, execution) != self._running:
            self._running, self._count = (cell, execution), 0
        asked = self._asked.setdefault(cell, [])
        return asked[self._count] if self._count < len(asked) else None

    def asked(self, question: Question) -> None:
        """Remember the question of the place that `earlier` was last called for."""
        asked = self._asked[self._running[0]]
        asked[self._count :] = [question]
        self._count += 1


_sessions: dict[int, Session] = {}
_making = threading.Lock()


def current_session() -> Session:
    """Return this process's session: a fork has another than its parent, whose threads it has not."""
    with _making:
        pid = os.getpid()
        if pid not in _sessions:
            _sessions[pid] = Session()
        return _sessions[pid]
