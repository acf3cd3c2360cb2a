"""Replicas of the service in one test: engines on one store and one bus, of which any may die, pause or lose touch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from jupyter_aichat.bus.base import Appended, Entry
from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.bus.redis import RedisBus
from jupyter_aichat.domain.ids import InstanceId, RunId
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.errors import BusUnavailable, StoreUnavailable
from jupyter_aichat.redis_connection import RedisConnection
from jupyter_aichat.stores.base import Lapsed, Store
from tests.redis_server import RedisServer


class _Shared:
    """What a test can do to the bus of all replicas. ``away``: it takes and has nothing; ``deaf``: signals are lost."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.away = False
        self.deaf = False
        self.appended: list[Entry] = []

    def _check(self) -> None:
        if self.away:
            raise BusUnavailable("The bus is gone.")

    async def ping(self) -> None:
        self._check()
        await super().ping()  # type: ignore[misc]

    async def append(self, entries: Sequence[Entry]) -> Appended:
        self._check()
        appended: Appended = await super().append(entries)  # type: ignore[misc]
        self.appended += [entry for entry in entries if entry.run_id not in appended.refused | appended.missing]
        return appended

    async def read(self, run_id: RunId, after: int, limit: int) -> tuple[Entry, ...] | None:
        self._check()
        return await super().read(run_id, after, limit)  # type: ignore[misc, no-any-return]

    async def publish(self, topic: str, payload: bytes) -> None:
        self._check()
        if not self.deaf:
            await super().publish(topic, payload)  # type: ignore[misc]


class SharedBus(_Shared, LocalBus):
    """One bus for all replicas, in memory."""

    async def open(self) -> None:
        """It is open."""

    async def close(self) -> None:
        """Others use it still."""

    def empty(self) -> None:
        """Restart it without anything it knew."""
        self._logs.clear()


class SharedRedisBus(_Shared, RedisBus):
    """The same on a Redis that belongs to the test."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(RedisConnection(url=server.url))
        self._server, self._users = server, 0

    async def open(self) -> None:
        self._users += 1
        if self._users == 1:
            await super().open()

    async def close(self) -> None:
        self._users -= 1
        if self._users == 0:
            await super().close()

    def empty(self) -> None:
        """Restart it without anything it knew."""
        self._server.command("FLUSHALL")


class ReplicaStore:
    """A store that takes over, as one replica reaches it; whom it holds for dead a test decides.

    ``away``: nothing of it can be reached; ``beats``: whether the beat can.
    """

    takes_over = True

    def __init__(self, store: Store, dead: dict[InstanceId, float | None]) -> None:
        self._store, self._dead = store, dead
        self.away = False
        self.beats = True

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._store, name)
        if name in ("open", "close"):
            return asked

        async def ask(*args: Any, **kwargs: Any) -> Any:
            if self.away:
                raise StoreUnavailable("The database is gone.")
            return await asked(*args, **kwargs)

        return ask

    async def beat(self, instance: InstanceId) -> None:
        if self.away or not self.beats:
            raise StoreUnavailable("The database is gone.")
        await self._store.beat(instance)
        self._dead.pop(instance, None)

    async def leave(self, instance: InstanceId) -> None:
        if await self.orphans([instance]):
            self._dead.setdefault(instance, 0.0)
        else:
            await self._store.leave(instance)
            self._dead.pop(instance, None)

    async def lapsed(self, instance: InstanceId) -> tuple[Lapsed, ...]:
        await self.ping()
        return tuple(Lapsed(dead, gone_s) for dead, gone_s in self._dead.items() if dead != instance)


def freeze(engine: Engine) -> None:
    """Let go of everything at once, as a killed process does; nothing is written any more."""
    for worker in tuple(engine._workers._workers.values()):
        worker.wanted.cancel()
    tasks = (
        engine._journal._appending,
        engine._health._task,
        engine._clearing._task,
        *engine._workers._tasks,
        *engine._instance._tasks,
    )
    for task in tasks:
        if task is not None:
            task.cancel()
    engine._lease.stop()
    engine._started = False


async def kill(engine: Engine, dead: dict[InstanceId, float | None], gone_s: float | None = 8.0) -> None:
    """Kill a replica; the others hold it for dead at their next look."""
    freeze(engine)
    if engine._division is not None:
        await engine._division.stop()
    await asyncio.sleep(0)
    dead[engine._instance._id] = gone_s
