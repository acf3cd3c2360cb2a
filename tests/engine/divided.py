"""A service whose processes divide their work, in one test: engines with roles, of which any may die."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.cache.local_queue import LocalQueue
from jupyter_aichat.domain.ids import InstanceId
from jupyter_aichat.domain.process import BOTH, ProcessRole, Roles
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.published import STATES
from jupyter_aichat.limits.quotas import Ledger, Quotas
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.engine.collect import until
from tests.engine.replicas import ReplicaStore, SharedBus
from tests.fakes import FakeProvider


class SharedCache(LocalCache):
    """One cache for all processes: who leaves does not empty it."""

    async def close(self) -> None:
        """Others use it still."""


class Divided:
    """Engines with roles, on one store, one bus, one cache and one queue."""

    def __init__(self, folder: Path, provider: FakeProvider) -> None:
        self._file, self.provider = folder / "chats.sqlite3", provider
        self.bus, self.cache, self.queue = SharedBus(), SharedCache(), LocalQueue()
        self.dead: dict[InstanceId, float | None] = {}
        self.engines: list[Engine] = []
        self.rules: list[dict[str, object]] = []
        """The quotas of who starts from now on."""

    async def start(self, *roles: ProcessRole, capacity: int | None = 0) -> Engine:
        """Start a process of the service."""
        file = SqliteStore(self._file)
        quotas = Quotas(Ledger(self.cache, file.usage, file.accounts), rules=self.rules) if self.rules else None
        admission = Admission(self.queue, LocalQueue(mending_s=0), capacity={} if capacity is None else {"*": capacity})
        engine = Engine(
            cast("Store", ReplicaStore(file, self.dead)), self.bus, self.cache, [self.provider],
            roles=Roles(roles or BOTH), admission=admission, quotas=quotas, shared=True,
        )  # fmt: skip
        self.engines.append(engine)
        await engine.start()
        return engine

    async def know(self, api: Engine, workers: int = 1) -> None:
        """Wait until a process knows its workers, and their models."""
        await until(lambda: api.workers == workers)
        while workers and await self.cache.get(STATES) is None:
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """End all processes."""
        for engine in self.engines:
            await engine.stop()
