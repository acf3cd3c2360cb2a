"""An engine on a real SQLite file, with a provider that the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import pytest

from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.ids import InstanceId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.engine import claiming, published
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Sent
from jupyter_aichat.errors import StoreUnavailable
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.contract import store_targets
from tests.engine.collect import OWNER
from tests.engine.divided import Divided
from tests.engine.faulty import FaultyStore
from tests.engine.replicas import ReplicaStore, SharedBus, SharedRedisBus
from tests.fakes import FakeProvider


class MakeEngine(Protocol):
    def __call__(self, store: Store | None = None) -> Engine: ...


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def make_engine(
    jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path, provider: FakeProvider
) -> Iterator[MakeEngine]:
    """Start engines on one file, as processes would; all are stopped at the end."""
    engines: list[Engine] = []

    def make(store: Store | None = None) -> Engine:
        engine = Engine(store or SqliteStore(tmp_path / "chats.sqlite3"), LocalBus(), LocalCache(), [provider])
        jp_asyncio_loop.run_until_complete(engine.start())
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        jp_asyncio_loop.run_until_complete(engine.stop())


class Replicas:
    """Three replicas of the service on one store and one bus, with one provider."""

    def __init__(
        self, make_store: Callable[[], Store], bus: SharedBus | SharedRedisBus, provider: FakeProvider
    ) -> None:
        self._make_store, self._provider = make_store, provider
        self.dead: dict[InstanceId, float | None] = {}
        self.bus = bus
        self.engines: list[Engine] = []

    def make(self) -> Engine:
        """An engine that is not started yet."""
        store = cast("Store", ReplicaStore(self._make_store(), self.dead))
        engine = Engine(store, self.bus, LocalCache(), [self._provider])
        self.engines.append(engine)
        return engine

    def store(self, engine: Engine) -> ReplicaStore:
        """The store as this replica sees it."""
        return cast("ReplicaStore", engine._store)

    def fail_once(self, engine: Engine, name: str) -> asyncio.Event:
        """Let one question to the store fail, once; the event says that it was asked."""
        asked = asyncio.Event()

        async def fail(*_: object) -> None:
            asked.set()
            delattr(engine._store, name)
            raise StoreUnavailable("The database is gone.")

        setattr(engine._store, name, fail)
        return asked

    async def until_stored(self, sent: Sent, text: str) -> None:
        """Wait until a checkpoint has the text."""
        async with asyncio.timeout(5):
            while text not in text_of((await self._message(sent)).parts):
                await asyncio.sleep(0.01)

    async def until_logged(self, sent: Sent, text: str) -> None:
        """Wait until the bus has the text."""
        async with asyncio.timeout(5):
            while not any(entry.run_id == sent.run.id and text.encode() in entry.data for entry in self.bus.appended):
                await asyncio.sleep(0.005)

    async def _message(self, sent: Sent) -> Message:
        store = self.engines[-1]._store
        return await store.get_message(OWNER, sent.reply.chat_id, sent.reply.id)


@pytest.fixture(params=["sqlite", *(pytest.param(name, marks=pytest.mark.slow) for name in ("redis", "mongo"))])
def replicas(
    request: pytest.FixtureRequest, jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path, provider: FakeProvider
) -> Iterator[Replicas]:
    """Three of them: on SQLite and a bus in memory, or with a real Redis or a real MongoDB in place of one."""
    target = "sqlite" if request.param == "redis" else request.param
    bus = SharedRedisBus(request.getfixturevalue("own_redis")) if request.param == "redis" else SharedBus()
    replicas = Replicas(partial(store_targets.TARGETS[target], tmp_path), bus, provider)
    for _ in range(3):
        jp_asyncio_loop.run_until_complete(replicas.make().start())
    yield replicas
    for engine in replicas.engines:
        jp_asyncio_loop.run_until_complete(engine.stop())


@pytest.fixture
def service(
    tmp_path: Path, provider: FakeProvider, jp_asyncio_loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Divided]:
    """One whose processes divide their work; none is started."""
    monkeypatch.setattr(claiming, "LOOK_S", 0.1)
    monkeypatch.setattr(published, "PUBLISH_S", 0.1)
    service = Divided(tmp_path, provider)
    yield service
    jp_asyncio_loop.run_until_complete(service.stop())


@pytest.fixture
def other(make_engine: MakeEngine, engine: Engine) -> Engine:
    """A second process on the file."""
    return make_engine()


@pytest.fixture
def store(tmp_path: Path) -> FaultyStore:
    return FaultyStore(tmp_path / "chats.sqlite3")


@pytest.fixture
def shaky(make_engine: MakeEngine, store: FaultyStore) -> Engine:
    """An engine whose store a test can take away."""
    return make_engine(cast("Store", store))


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()
