"""An engine on a real SQLite file, with a provider that the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.fakes import FakeProvider

MakeEngine = Callable[[], Engine]


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def make_engine(
    jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path, provider: FakeProvider
) -> Iterator[MakeEngine]:
    """Start engines on one file, as processes would; all are stopped at the end."""
    engines: list[Engine] = []

    def make() -> Engine:
        engine = Engine(SqliteStore(tmp_path / "chats.sqlite3"), LocalBus(), LocalCache(), [provider])
        jp_asyncio_loop.run_until_complete(engine.start())
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        jp_asyncio_loop.run_until_complete(engine.stop())


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()
