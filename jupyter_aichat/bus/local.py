"""The bus of a single process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from jupyter_aichat.bus.base import Entry, Handler, Unsubscribe
from jupyter_aichat.domain.ids import RunId

KEPT_ENTRIES = 512
KEPT_BYTES = 256 * 1024
EXPIRE_S = 60.0
KEPT_ENDED = 1000


class _Log:
    """The newest entries of a run; ``floor`` is the last one forgotten."""

    __slots__ = ("entries", "floor", "size")

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.floor = 0
        self.size = 0

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.size += len(entry.data)
        while len(self.entries) > KEPT_ENTRIES or (self.size > KEPT_BYTES and len(self.entries) > 1):
            self.forget_oldest()

    def forget_oldest(self) -> None:
        entry = self.entries.popleft()
        self.floor = entry.seq
        self.size -= len(entry.data)


class LocalBus:
    """Logs bounded in entries and bytes; signals delivered at once.

    The logs of runs that have ended are kept for a minute, the newest `KEPT_ENDED` of them.
    """

    def __init__(self, expire_s: float = EXPIRE_S) -> None:
        self._expire_s = expire_s
        self._logs: dict[RunId, _Log] = {}
        self._handlers: dict[str, list[Handler]] = {}
        self._expiring: dict[RunId, asyncio.TimerHandle] = {}

    async def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Forget everything."""
        for timer in self._expiring.values():
            timer.cancel()
        self._expiring.clear()
        self._logs.clear()
        self._handlers.clear()

    async def ping(self) -> None:
        """A process reaches itself."""

    async def append(self, entries: Sequence[Entry]) -> frozenset[RunId]:
        """See `Bus.append`."""
        refused = set()
        for entry in entries:
            log = self._logs.get(entry.run_id)
            if log is None:
                log = self._logs[entry.run_id] = _Log()
            newest = log.entries[-1].seq if log.entries else log.floor
            if entry.seq <= newest:
                refused.add(entry.run_id)
            else:
                log.add(entry)
        return frozenset(refused)

    async def read(self, run_id: RunId, after: int, limit: int) -> tuple[Entry, ...] | None:
        """See `Bus.read`."""
        log = self._logs.get(run_id)
        if log is None or after < log.floor:
            return None
        return tuple([entry for entry in log.entries if entry.seq > after][:limit])

    async def trim(self, run_id: RunId, upto: int) -> None:
        """See `Bus.trim`."""
        log = self._logs.get(run_id)
        while log is not None and log.entries and log.entries[0].seq <= upto:
            log.forget_oldest()

    async def expire(self, run_id: RunId) -> None:
        """See `Bus.expire`."""
        if run_id in self._logs and run_id not in self._expiring:
            loop = asyncio.get_running_loop()
            self._expiring[run_id] = loop.call_later(self._expire_s, self._forget, run_id)
            if len(self._expiring) > KEPT_ENDED:
                self._forget(next(iter(self._expiring)))

    def _forget(self, run_id: RunId) -> None:
        self._logs.pop(run_id, None)
        if timer := self._expiring.pop(run_id, None):
            timer.cancel()

    async def publish(self, topic: str, payload: bytes) -> None:
        """See `Bus.publish`."""
        for handler in tuple(self._handlers.get(topic, ())):
            handler(payload)

    def subscribe(self, topic: str, handler: Handler) -> Unsubscribe:
        """See `Bus.subscribe`."""
        self._handlers.setdefault(topic, []).append(handler)

        def unsubscribe() -> None:
            handlers = self._handlers.get(topic, [])
            if handler in handlers:
                handlers.remove(handler)

        return unsubscribe
