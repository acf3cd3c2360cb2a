"""Each target of a contract, opened for one test."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from jupyter_aichat.bus.base import Bus
from jupyter_aichat.cache.base import Cache, Queue
from jupyter_aichat.redis_connection import RedisConnection
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.shares import ShareStore
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.contract import bus_targets, cache_targets, queue_targets, store_targets
from tests.contract.bus_targets import Connect
from tests.contract.mongo_commands import RECORDER
from tests.contract.store_targets import MakeStore, Raw


@pytest.fixture(autouse=True, scope="session")
def servers() -> Iterator[None]:
    """End at last what tests started for all of them."""
    with store_targets.servers:
        yield


@pytest.fixture(autouse=True)
def every_command_names_its_owners() -> Iterator[None]:
    """Over the whole contract: what people own is never found, changed or deleted without their id."""
    RECORDER.commands.clear()
    yield
    assert RECORDER.violations() == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Older servers are asked what is asked otherwise there, and not everything once more."""
    items[:] = [each for each in items if not _is_too_much(each)]


def _is_too_much(item: pytest.Item) -> bool:
    target = (
        item.callspec.params.get("make_store")
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        else None
    )
    return target == "mongo_before_8" and item.path.stem not in store_targets.OTHERWISE_BEFORE_8


@pytest.fixture(params=sorted(store_targets.TARGETS))
def make_store(
    request: pytest.FixtureRequest, jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> Iterator[MakeStore]:
    """Open stores on the same data, as processes would; all are closed at the end."""
    stores: list[Store] = []

    def make() -> Store:
        store = store_targets.TARGETS[request.param](tmp_path)
        jp_asyncio_loop.run_until_complete(store.open())
        stores.append(store)
        return store

    yield make
    for store in stores:
        jp_asyncio_loop.run_until_complete(store.close())


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    return make_store()


@pytest.fixture
def other(make_store: MakeStore) -> Store:
    """The same data, as another process sees it."""
    return make_store()


def _accounts(store: Store) -> AccountStore:
    assert isinstance(store, SqliteStore | MongoStore)
    return store.accounts


@pytest.fixture
def accounts(store: Store) -> AccountStore:
    """The accounts of the store."""
    return _accounts(store)


@pytest.fixture
def other_accounts(other: Store) -> AccountStore:
    """The same, as another process sees them."""
    return _accounts(other)


def _shares(store: Store) -> ShareStore:
    assert isinstance(store, SqliteStore | MongoStore)
    return store.shares


@pytest.fixture
def shares(store: Store) -> ShareStore:
    """The shares of the store's chats."""
    return _shares(store)


@pytest.fixture
def other_shares(other: Store) -> ShareStore:
    """The same, as another process sees them."""
    return _shares(other)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where SQLite stores are."""
    return tmp_path / "chats.sqlite3"


@pytest.fixture
def raw(file: Path) -> Raw:
    """Ask the SQLite file itself, beside the store."""

    def ask(statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    return ask


@contextmanager
def _opened(loop: asyncio.AbstractEventLoop, file: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(file)
    loop.run_until_complete(store.open())
    yield store
    loop.run_until_complete(store.close())


@pytest.fixture
def sqlite_store(jp_asyncio_loop: asyncio.AbstractEventLoop, file: Path) -> Iterator[SqliteStore]:
    with _opened(jp_asyncio_loop, file) as store:
        yield store


@pytest.fixture
def other_sqlite_store(jp_asyncio_loop: asyncio.AbstractEventLoop, file: Path) -> Iterator[SqliteStore]:
    with _opened(jp_asyncio_loop, file) as store:
        yield store


@pytest.fixture
def redis_prefix() -> str:
    """Keys of one test alone in the Redis that all share."""
    return f"{uuid.uuid4().hex}:"


@pytest.fixture
def connect(request: pytest.FixtureRequest, redis_prefix: str) -> Connect:
    """Make connections to the same Redis, as processes would; one that is never opened costs nothing."""
    return lambda: RedisConnection(url=request.getfixturevalue("redis").url, prefix=redis_prefix)


@pytest.fixture
def mongo_store(jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[MongoStore]:
    store = store_targets.mongo_target(tmp_path)
    jp_asyncio_loop.run_until_complete(store.open())
    yield store
    jp_asyncio_loop.run_until_complete(store.close())


@pytest.fixture
def mongo_before_8(jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[MongoStore]:
    """The same, where the server has no command for several writes."""
    store = store_targets.before_8_target(tmp_path)
    jp_asyncio_loop.run_until_complete(store.open())
    yield store
    jp_asyncio_loop.run_until_complete(store.close())


@pytest.fixture
def mongo_elsewhere(jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[MongoStore]:
    """The same, where lists may be read from other servers than the primary."""
    store = store_targets.mongo_target(tmp_path)
    store.lists_from = "secondaryPreferred"
    jp_asyncio_loop.run_until_complete(store.open())
    yield store
    jp_asyncio_loop.run_until_complete(store.close())


@pytest.fixture(params=sorted(bus_targets.TARGETS))
def bus(request: pytest.FixtureRequest, jp_asyncio_loop: asyncio.AbstractEventLoop, connect: Connect) -> Iterator[Bus]:
    bus = bus_targets.TARGETS[request.param](connect)
    jp_asyncio_loop.run_until_complete(bus.open())
    yield bus
    jp_asyncio_loop.run_until_complete(bus.close())


@pytest.fixture(params=sorted(cache_targets.TARGETS))
def cache(
    request: pytest.FixtureRequest, jp_asyncio_loop: asyncio.AbstractEventLoop, connect: Connect
) -> Iterator[Cache]:
    cache = cache_targets.TARGETS[request.param](connect)
    jp_asyncio_loop.run_until_complete(cache.open())
    yield cache
    jp_asyncio_loop.run_until_complete(cache.close())


@pytest.fixture(params=sorted(queue_targets.TARGETS))
def queue(
    request: pytest.FixtureRequest, jp_asyncio_loop: asyncio.AbstractEventLoop, connect: Connect
) -> Iterator[Queue]:
    queue = queue_targets.TARGETS[request.param](connect)
    jp_asyncio_loop.run_until_complete(queue.open())
    yield queue
    jp_asyncio_loop.run_until_complete(queue.close())
