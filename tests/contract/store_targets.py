"""The stores that the contract holds for. What one target makes in one folder shares its data, as processes do."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from pymongo import MongoClient

from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.mongo_driver import Driver
from jupyter_aichat.stores.sqlite import SqliteStore
from tests import mongo_server

Target = Callable[[Path], Store]
MakeStore = Callable[[], Store]
Raw = Callable[[str], list[tuple[object, ...]]]

LAPSE_S = 0.5
"""How soon another instance is given up in tests, where a store must watch for it."""

servers = ExitStack()
"""What the first test that needed it started; closed at the end of all tests."""


def sqlite_target(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "chats.sqlite3")


def mongo_target(folder: Path) -> MongoStore:
    return MongoStore(mongo_url(), database=database_of(folder), lapse_s=LAPSE_S)


class BeforeEight(MongoStore):
    """One whose server has no command for several writes, as MongoDB has none before version 8."""

    async def open(self) -> None:
        """Open it, and take it for such a one."""
        await super().open()
        assert isinstance(self._opened, Driver)
        self._opened.writes_at_once = False


def before_8_target(folder: Path) -> MongoStore:
    return BeforeEight(mongo_url(), database=database_of(folder), lapse_s=LAPSE_S)


def database_of(folder: Path) -> str:
    """The database that stands for a folder."""
    return f"aichat_test_{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"


@cache
def mongo_url() -> str:
    """One server for all tests: the real one that is named, else SecantusDB."""
    if (url := mongo_server.given_url()) is not None:
        servers.enter_context(_tidied(url))
        return url
    folder = Path(servers.enter_context(tempfile.TemporaryDirectory()))
    return servers.enter_context(mongo_server.running(folder / "mongo")).url


@contextmanager
def _tidied(url: str) -> Iterator[None]:
    """Take our databases away at the end."""
    yield
    with MongoClient[dict[str, object]](url) as client:
        for name in client.list_database_names():
            if name.startswith("aichat_test_"):
                client.drop_database(name)


TARGETS: dict[str, Target] = {"mongo": mongo_target, "mongo_before_8": before_8_target, "sqlite": sqlite_target}

OTHERWISE_BEFORE_8 = frozenset({"test_store_commit", "test_store_runs", "test_store_usage"})
"""The modules whose tests ask MongoDB otherwise before version 8."""
