"""Following runs over Redis: one reading task for all of them; on a cluster, one for each bucket.

Reads are a tick apart: with hundreds of runs that stream, an answer then has an entry of each, and not one of one. Between
ticks a read waits at Redis; a run that is followed anew ends the wait through an entry in a stream of our own.
"""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_aichat.bus.base import Entry, EntryHandler, Unsubscribe
from jupyter_aichat.domain.ids import RunId, new_id
from jupyter_aichat.errors import BusUnavailable
from jupyter_aichat.logs.context import nobodys
from jupyter_aichat.redis_client import RedisClient
from jupyter_aichat.redis_connection import RETRY_S, RedisConnection, bucket_of

TICK_S = 0.025
WAIT_S = 1.0
_ENTRIES = 200
_WAKE_KEPT_S = 60


class _Follower:
    """Who follows a run, and the last entry that it has."""

    __slots__ = ("after", "handler")

    def __init__(self, after: int, handler: EntryHandler) -> None:
        self.after, self.handler = after, handler

    def take(self, entries: tuple[Entry, ...]) -> None:
        new = entries if entries[0].seq > self.after else tuple(e for e in entries if e.seq > self.after)
        if new:
            self.after = new[-1].seq
            self.handler(new)


class _Run:
    """A followed run."""

    __slots__ = ("followers", "key", "run_id")

    def __init__(self, run_id: RunId, key: str) -> None:
        self.run_id, self.key = run_id, key
        self.followers: list[_Follower] = []

    @property
    def after(self) -> int:
        """The place from which somebody needs more."""
        return min(follower.after for follower in self.followers)

    def take(self, entries: tuple[Entry, ...]) -> None:
        for follower in tuple(self.followers):
            if follower in self.followers:  # and was not let go by the one before it
                follower.take(entries)


class _Group:
    """The runs that one read asks for."""

    def __init__(self, connection: RedisConnection, bucket: int) -> None:
        self._connection = connection
        self._wake_key = connection.key("wake", new_id(), bucket=bucket)
        self._woken = b"0-0"
        self._waits = False
        self.hears = True
        self.runs: dict[bytes, _Run] = {}
        self.task: asyncio.Task[None] | None = None
        self._waking: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._read_on(), name="aichat-follow-redis", context=nobodys())

    def wake(self) -> None:
        """Let a read that waits begin anew, with the runs of now."""
        if self._waits and (self._waking is None or self._waking.done()):
            self._waking = asyncio.create_task(self._wake(), name="aichat-wake", context=nobodys())

    async def _wake(self) -> None:
        async def add(client: RedisClient) -> None:
            pipeline: Any = client.pipeline(transaction=False)
            pipeline.execute_command("XADD", self._wake_key, "MAXLEN", 1, "*", b"w", b"")
            pipeline.execute_command("EXPIRE", self._wake_key, _WAKE_KEPT_S)
            await pipeline.execute()

        try:
            await self._connection.ask(BusUnavailable, add)
        except BusUnavailable:  # then the read fails too, and begins anew
            return

    async def stop(self) -> None:
        self.runs.clear()  # also where a connection that fails as it is left hides that the task was cancelled
        tasks = [task for task in (self.task, self._waking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_on(self) -> None:
        while self.runs:
            try:
                await self._read()
            except BusUnavailable:
                self.hears = False
                await asyncio.sleep(RETRY_S if self.runs else 0)
            else:
                self.hears = True
                await asyncio.sleep(TICK_S)

    async def _read(self) -> None:
        keys: list[Any] = [self._wake_key, *self.runs]
        places: list[Any] = [self._woken, *(b"%d-0" % run.after for run in self.runs.values())]

        async def read(client: RedisClient) -> Any:
            command = ("XREAD", "COUNT", _ENTRIES, "BLOCK", int(WAIT_S * 1000), "STREAMS", *keys, *places)
            if self._connection.clustered:  # redis-py would ask Redis first which words are keys
                await client.initialize()
                node = client.get_node_from_key(self._wake_key)  # type: ignore[union-attr]
                return await client.execute_command(*command, target_nodes=node)
            return await client.execute_command(*command)

        self._waits = True
        try:
            answer = await self._connection.wait(BusUnavailable, read, WAIT_S + self._connection.timeout_s)
        finally:
            self._waits = False
        for key, items in answer or ():
            if (run := self.runs.get(key)) is not None:
                run.take(tuple(entry_of(run.run_id, item) for item in items))
            else:
                self._woken = items[-1][0]


class Following:
    """All runs that this process follows."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._groups: dict[int, _Group] = {}

    def follow(self, run_id: RunId, key: str, after: int, handler: EntryHandler) -> Unsubscribe:
        """See `Bus.follow`."""
        group = self._group(run_id)
        run = group.runs.setdefault(key.encode(), _Run(run_id, key))
        follower = _Follower(after, handler)
        run.followers.append(follower)
        group.start()
        group.wake()

        def unfollow() -> None:
            if follower in run.followers:
                run.followers.remove(follower)
                if not run.followers and group.runs.get(key.encode()) is run:
                    del group.runs[key.encode()]

        return unfollow

    @property
    def hears(self) -> bool:
        """Whether what is followed arrives at present."""
        return all(group.hears for group in self._groups.values())

    def _group(self, run_id: RunId) -> _Group:
        bucket = bucket_of(run_id) if self._connection.clustered else 0
        if bucket not in self._groups:
            self._groups[bucket] = _Group(self._connection, bucket)
        return self._groups[bucket]

    async def stop(self) -> None:
        """Follow no more."""
        groups, self._groups = list(self._groups.values()), {}
        for group in groups:
            await group.stop()


def entry_of(run_id: RunId, item: Any) -> Entry:
    """Return the entry that an item of a stream is."""
    place, (field, data) = item
    return Entry(run_id, int(place[:-2]), data, field == b"b")
