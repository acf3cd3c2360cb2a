"""An engine on a real SQLite file, with a provider that the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

import pytest

from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.engine.faulty import FaultyStore
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
