"""Several processes on one SQLite file: who lives, and what they hear of each other."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from jupyter_aichat.domain.clock import now
from jupyter_aichat.errors import StoreUnavailable
from jupyter_aichat.stores import sqlite
from jupyter_aichat.stores.base import Lapsed, Store
from jupyter_aichat.stores.sqlite import SqliteStore
from jupyter_aichat.stores.sqlite_locks import InstanceLocks
from tests.contract.store_targets import Raw
from tests.contract.store_turns import ADA, HERE, THERE, chat_named


@pytest.fixture
def store(sqlite_store: SqliteStore) -> SqliteStore:
    return sqlite_store


@pytest.fixture
def other(other_sqlite_store: SqliteStore) -> SqliteStore:
    return other_sqlite_store


_FORKING = """
import os, sys, time
from pathlib import Path
from jupyter_aichat.stores.sqlite_locks import InstanceLocks

locks = InstanceLocks(Path(sys.argv[1]))
locks.hold("there")
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
time.sleep(60)
"""


@contextmanager
def forked(file: Path, script: str = _FORKING) -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process]]:
    """Run a process that holds THERE's lock, and the child that it forked."""
    with subprocess.Popen((sys.executable, "-c", script, str(file)), stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        try:
            yield parent, child
        finally:
            parent.kill()
            if child.is_running():
                child.kill()


async def test_a_child_of_a_dead_process_does_not_keep_it_alive(file: Path, store: Store, raw: Raw) -> None:
    """A forked child has its parent's open files, so a `flock` would outlive the parent in it."""
    await store.join(HERE)
    raw("INSERT INTO instances (id) VALUES ('there')")
    with forked(file) as (parent, child):
        assert await store.lapsed(HERE) == ()
        parent.kill()
        parent.wait()
        async with asyncio.timeout(10):  # a child lets go in its first step
            while await store.lapsed(HERE) != (Lapsed(THERE),):
                await asyncio.sleep(0.01)
        assert child.status() != psutil.STATUS_ZOMBIE


def test_a_forked_child_that_ends_frees_no_lock_of_its_parent(file: Path) -> None:
    locks = InstanceLocks(file)
    with forked(file, _FORKING.replace("    time.sleep(60)\n", "")) as (parent, child):
        deadline = time.monotonic() + 10
        while child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not locks.is_dead(THERE)
        parent.kill()
        parent.wait()
    assert locks.is_dead(THERE)


async def test_a_lock_that_was_taken_and_not_recorded_is_taken_again(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first join's transaction fails when the lock is held already; the next one must not trip over it."""
    await asyncio.to_thread(store._locks.hold, HERE)
    await store.join(HERE)
    await store.leave(HERE)
    assert await store.lapsed(THERE) == ()


# Changes and clocks


async def test_no_clock_decides_which_changes_are_heard(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    position, _ = await store.changes(None)
    await other.create_chat(ADA, chat_named())
    future = now() + timedelta(days=400)
    monkeypatch.setattr(sqlite, "now", lambda: future)
    for _ in range(250):
        await other.create_chat(ADA, chat_named())
    _, changes = await store.changes(position)
    assert len(changes) == 251


async def test_changes_are_bounded(store: Store, raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "CHANGES_KEPT", 200)
    await asyncio.gather(*(store.create_chat(ADA, chat_named()) for _ in range(1000)))
    ((kept,),) = raw("SELECT count(*) FROM changes")
    assert isinstance(kept, int)
    assert 200 <= kept <= 300


async def test_a_living_process_whose_lock_file_was_tidied_away_comes_back(
    store: SqliteStore, other: SqliteStore, file: Path
) -> None:
    await store.join(HERE)
    await other.join(THERE)
    file.with_name(f"{file.name}.{HERE}.lock").unlink()
    assert await other.lapsed(THERE) == (Lapsed(HERE),)
    await other.leave(HERE)
    await store.beat(HERE)
    for _ in range(2):
        assert await other.lapsed(THERE) == ()
        await store.beat(HERE)
    await store.close()
    assert await other.lapsed(THERE) == (Lapsed(HERE),)


_LOCKED = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    db.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError:
    sys.exit(3)
"""


def test_opening_a_store_frees_no_lock_of_another_one_in_this_process(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing any descriptor of a file drops all POSIX locks that the process has on it, SQLite's among them."""
    monkeypatch.setattr(sqlite, "BUSY_MS", 100)
    command = (sys.executable, "-c", _LOCKED, str(file))
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert subprocess.run(command, check=False).returncode == 3
        with pytest.raises(StoreUnavailable):
            asyncio.run(SqliteStore(file).open())
        assert subprocess.run(command, check=False).returncode == 3
