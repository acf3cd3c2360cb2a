"""Engines that share a bus and a line before the model, as replicas would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from traitlets.config import Config, Configurable

from jupyter_aichat.bus.base import Bus
from jupyter_aichat.cache.base import Queue
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.cache.local_queue import LocalQueue
from jupyter_aichat.domain.event import QueuePosition
from jupyter_aichat.domain.ids import InstanceId, OwnerId, RunId
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.engine import admission
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Send, Sent
from jupyter_aichat.errors import CacheUnavailable
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.engine.collect import read
from tests.engine.replicas import ReplicaStore, SharedBus
from tests.fakes import FakeProvider

LEASE_S = 1.5


class SharedQueue:
    """A line that several engines share, which outlives each of them and can be away."""

    def __init__(self) -> None:
        self._queue = LocalQueue(LEASE_S)
        self.away = False
        self.asked: list[str] = []

    async def lose_everything(self) -> None:
        await self._queue.close()

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._queue, name)

        async def ask(*args: Any, **kwargs: Any) -> Any:
            if self.away:
                raise CacheUnavailable
            self.asked.append(name)
            return await asked(*args, **kwargs)

        return ask


class Replicas:
    """Makes engines on one file, with one bus, one queue and one provider."""

    def __init__(self, loop: asyncio.AbstractEventLoop, file: Path, provider: FakeProvider) -> None:
        self._loop, self._file, self.provider = loop, file, provider
        self.bus, self.queue = SharedBus(), SharedQueue()
        self.engines: list[Engine] = []
        self.dead: dict[InstanceId, float | None] = {}

    def make_taking_over(self, **traits: Any) -> Engine:
        """Start an engine that goes on with the runs of those in `dead`."""
        store = ReplicaStore(SqliteStore(self._file), self.dead)
        return self.make(cast("Store", store), **traits)

    def make(self, store: Store | None = None, **traits: Any) -> Engine:
        """Start an engine; `traits` are those of `Admission`, and ``on_disconnect``."""
        config = Config()
        config.Engine.on_disconnect = traits.pop("on_disconnect", "continue")
        config.Admission.update(traits)
        shared: Any = self.queue
        bus: Bus = self.bus
        queue: Queue = shared
        engine = Engine(
            store or SqliteStore(self._file), bus, LocalCache(), [self.provider],
            admission=Admission(queue, LocalQueue(mending_s=0), config=config), parent=Configurable(config=config),
        )  # fmt: skip
        self._loop.run_until_complete(engine.start())
        self.engines.append(engine)
        return engine

    def stop(self) -> None:
        for engine in self.engines:
            self._loop.run_until_complete(engine.stop())


@contextmanager
def running(
    loop: asyncio.AbstractEventLoop, file: Path, provider: FakeProvider, patch: pytest.MonkeyPatch
) -> Iterator[Replicas]:
    """Replicas that look at their line ten times a second; all are stopped at the end."""
    patch.setattr(admission, "LOOK_S", 0.1)
    patch.setattr(admission, "PRESENT_S", 0.2)
    replicas = Replicas(loop, file, provider)
    yield replicas
    replicas.stop()


async def ask_as(engine: Engine, owner: str, words: str = "hi", **fields: Any) -> Sent:
    return await engine.runs.send(OwnerId(owner), Send((TextPart(words),), **fields))


async def read_as(engine: Engine, owner: str, run_id: RunId, **how: Any) -> list[Any]:
    return [event for _, event in await read(engine, run_id, owner=OwnerId(owner), **how)]


def positions(events: list[Any]) -> list[int]:
    return [event.position for event in events if isinstance(event, QueuePosition)]
