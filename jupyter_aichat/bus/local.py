"""The bus of a single process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from jupyter_aichat.bus.base import KEPT_TRIMMED, Appended, Entry, EntryHandler, Handler, Unsubscribe, is_whole
from jupyter_aichat.domain.ids import RunId

KEPT_ENTRIES = 512
KEPT_BYTES = 256 * 1024
EXPIRE_S = 60.0
KEPT_ENDED = 1000
POLL_S = 0.25
TICK_S = 0.1


class _Log:
    """The newest entries of a run, at least one."""

    __slots__ = ("entries", "size")

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.size = 0

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.size += len(entry.data)
        while len(self.entries) > KEPT_ENTRIES or (self.size > KEPT_BYTES and len(self.entries) > 1):
            self.forget_oldest()

    def forget_oldest(self) -> None:
        self.size -= len(self.entries.popleft().data)

    def after(self, seq: int) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.seq > seq)


class LocalBus:
    """Logs bounded in entries and bytes; signals delivered at once.

    The logs of runs that have ended are kept for a minute, the newest `KEPT_ENDED` of them.
    """

    def __init__(self, expire_s: float = EXPIRE_S) -> None:
        self._expire_s = expire_s
        self._logs: dict[RunId, _Log] = {}
        self._handlers: dict[str, list[Handler]] = {}
        self._followers: dict[RunId, list[EntryHandler]] = {}
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
        self._followers.clear()

    async def ping(self) -> None:
        """A process reaches itself."""

    @property
    def silence_s(self) -> float:
        """See `Bus.silence_s`: what another process on the same store writes is never heard here."""
        return POLL_S

    @property
    def tick_s(self) -> float:
        """See `Bus.tick_s`: who reads in this process reads the run itself."""
        return TICK_S

    async def append(self, entries: Sequence[Entry]) -> Appended:
        """See `Bus.append`."""
        refused, missing = set(), set()
        added: dict[RunId, list[Entry]] = {}
        logs, followers = self._logs, self._followers
        for entry in entries:
            log = logs.get(entry.run_id) or self._begin(entry)
            if log is None:
                missing.add(entry.run_id)
            elif log.entries and entry.seq <= log.entries[-1].seq:
                refused.add(entry.run_id)
            else:
                log.add(entry)
                if entry.run_id in followers:
                    added.setdefault(entry.run_id, []).append(entry)
        for run_id, new in added.items():
            for handler in tuple(followers.get(run_id, ())):
                handler(tuple(new))
        return Appended(frozenset(refused), frozenset(missing))

    def _begin(self, entry: Entry) -> _Log | None:
        return self._logs.setdefault(entry.run_id, _Log()) if entry.begins else None

    async def read(self, run_id: RunId, after: int, limit: int) -> tuple[Entry, ...] | None:
        """See `Bus.read`."""
        log = self._logs.get(run_id)
        if log is None:
            return None
        entries = log.after(after)[:limit]
        return entries if is_whole(entries, after) else None

    def follow(self, run_id: RunId, after: int, handler: EntryHandler) -> Unsubscribe:
        """See `Bus.follow`; what the log has already comes with the loop's next step."""
        stopped = False

        def start() -> None:
            if stopped:
                return
            self._followers.setdefault(run_id, []).append(handler)
            log = self._logs.get(run_id)
            if log is not None and (entries := log.after(after)):
                handler(entries)

        def unfollow() -> None:
            nonlocal stopped
            stopped = True
            rest = [h for h in self._followers.get(run_id, ()) if h is not handler]
            if rest:
                self._followers[run_id] = rest
            else:
                self._followers.pop(run_id, None)

        asyncio.get_running_loop().call_soon(start)
        return unfollow

    async def trim(self, upto: Mapping[RunId, int]) -> None:
        """See `Bus.trim`."""
        for run_id, seq in upto.items():
            log = self._logs.get(run_id)
            while log is not None and log.entries[0].seq <= seq - KEPT_TRIMMED and len(log.entries) > 1:
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
