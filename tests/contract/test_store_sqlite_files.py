"""The SQLite store's file: whose it is, how it is opened, migrated and closed."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import stat
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.errors import NotReady, StoreUnavailable
from jupyter_aichat.stores import sqlite, sqlite_files, sqlite_schema
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.contract.store_targets import Raw
from tests.contract.store_turns import ADA, HERE, answered, begun, chat_named


@pytest.fixture
def store(sqlite_store: SqliteStore) -> SqliteStore:
    return sqlite_store


async def refused(path: Path) -> StoreUnavailable:
    """Try to open what cannot be opened."""
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable) as caught:
        await store.open()
    with pytest.raises(NotReady):
        await store.get_chat(ADA, chat_named().id)
    await store.close()
    return caught.value


# The file


async def test_the_file_is_the_persons_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "chats.sqlite3"
    old = os.umask(0)
    try:
        store = SqliteStore(path)
        await store.open()
        await store.join(HERE)
        await answered(store)
        files = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        assert set(files.values()) == {0o600}, files
        assert len(files) == 4
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        await store.leave(HERE)
        await store.close()
    finally:
        os.umask(old)
    assert [each.name for each in path.parent.iterdir()] == ["chats.sqlite3"]


async def test_an_answer_is_on_the_disk_when_it_is_acknowledged(store: Store, raw: Raw) -> None:
    await begun(store)
    assert raw("PRAGMA journal_mode") == [("wal",)]
    assert raw("SELECT count(*) FROM messages") == [(2,)]


@pytest.mark.parametrize(
    "content", [b"no database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000], ids=["text", "damaged"]
)
async def test_a_file_that_is_no_database_is_refused_and_left_alone(file: Path, content: bytes) -> None:
    await asyncio.to_thread(file.write_bytes, content)
    error = await refused(file)
    assert str(file) in error.message
    assert await asyncio.to_thread(file.read_bytes) == content


async def test_a_folder_or_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("x")
    await refused(tmp_path / "folder")
    await refused(tmp_path / "plain" / "chats.sqlite3")


async def test_a_file_that_may_not_be_written_is_refused() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = SqliteStore(folder / "chats.sqlite3")
        await store.open()
        await store.close()
        os.chmod(folder, 0o755)  # noqa: PTH101
        os.chmod(folder / "chats.sqlite3", 0o444)  # noqa: PTH101
        root = os.geteuid() == 0
        if root:  # to whom nothing is forbidden
            os.seteuid(65534)
        try:
            error = await refused(folder / "chats.sqlite3")
        finally:
            if root:
                os.seteuid(0)
        assert "ermission" in error.message


async def test_many_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    for n in range(10):
        stores = [SqliteStore(tmp_path / f"{n}.sqlite3") for _ in range(6)]
        await asyncio.gather(*(store.open() for store in stores))
        await asyncio.gather(*(store.create_chat(ADA, chat_named()) for store in stores))
        assert len((await stores[0].list_chats(ADA, ChatQuery())).items) == 6
        await asyncio.gather(*(store.close() for store in stores))


# Migrations


async def test_a_file_of_each_older_version_is_brought_up_and_keeps_its_chats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = sqlite_schema.STEPS
    assert len(steps) > 1
    for version in range(1, len(steps)):
        path = tmp_path / f"{version}.sqlite3"
        monkeypatch.setattr(sqlite_schema, "STEPS", steps[:version])
        old = SqliteStore(path)
        await old.open()
        committed = await answered(old, "kept", "yes")
        await old.close()
        monkeypatch.setattr(sqlite_schema, "STEPS", steps)
        new = SqliteStore(path)
        await new.open()
        page = await new.list_messages(ADA, committed.record.run.chat_id, None, 9)
        assert [text_of(message.parts) for message in page.items] == ["kept", "yes"]
        await new.delete_chat(ADA, committed.record.run.chat_id)
        await new.close()
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (len(steps),)


async def test_a_file_of_a_newer_version_is_refused_clearly_and_left_alone(file: Path, raw: Raw, store: Store) -> None:
    committed = await answered(store)
    await store.close()
    newer = len(sqlite_schema.STEPS) + 1
    raw(f"PRAGMA user_version = {newer}")
    error = await refused(file)
    assert "newer version" in error.message
    assert "upgrade" in error.message
    assert raw("PRAGMA user_version") == [(newer,)]
    assert raw("SELECT count(*) FROM messages WHERE id = '" + committed.reply.id + "'") == [(1,)]


async def test_a_step_that_fails_leaves_the_file_at_the_version_before(
    file: Path, raw: Raw, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.close()
    version = len(sqlite_schema.STEPS)
    step = "CREATE TABLE half (x INTEGER); CREATE TABLE messages (x INTEGER);"
    monkeypatch.setattr(sqlite_schema, "STEPS", (*sqlite_schema.STEPS, step))
    await refused(file)
    assert raw("PRAGMA user_version") == [(version,)]
    assert raw("SELECT name FROM sqlite_master WHERE name = 'half'") == []


# The end of a process


async def test_close_finishes_what_was_accepted(file: Path) -> None:
    store = SqliteStore(file)
    await store.open()
    writing = [asyncio.ensure_future(store.create_chat(ADA, chat_named(str(n)))) for n in range(700)]
    await asyncio.sleep(0)
    await store.close()
    assert len(await asyncio.gather(*writing)) == 700
    with pytest.raises(NotReady):
        await store.create_chat(ADA, chat_named())
    await store.close()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM chats").fetchone() == (700,)


async def test_closed_it_leaves_no_thread_and_no_open_file(file: Path) -> None:
    threads = set(threading.enumerate())
    store = SqliteStore(file)
    await store.open()
    await store.join(HERE)
    await answered(store)
    await store.list_chats(ADA, ChatQuery())
    await store.close()
    assert {each for each in threading.enumerate() if each.name.startswith("aichat")} <= threads
    assert not [each.path for each in psutil.Process().open_files() if each.path.startswith(str(file))]


async def test_a_store_opened_again_goes_on(file: Path) -> None:
    store = SqliteStore(file)
    for n in range(3):
        await store.open()
        await store.create_chat(ADA, chat_named())
        assert len((await store.list_chats(ADA, ChatQuery())).items) == n + 1
        await store.close()


# Network file systems


async def test_on_a_network_file_system_the_journal_is_a_safe_one_and_it_is_said(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, raw: Raw
) -> None:
    monkeypatch.setattr(sqlite, "on_network", lambda folder: folder == file.parent)
    store = SqliteStore(file)
    with caplog.at_level(logging.WARNING):
        await store.open()
    assert "network file system" in caplog.text
    await answered(store)
    assert not file.with_name(f"{file.name}-wal").exists()
    assert raw("PRAGMA journal_mode") == [("delete",)]  # TRUNCATE is a connection's own; what matters: not WAL
    await store.close()


def test_this_folder_is_on_no_network(tmp_path: Path) -> None:
    assert not sqlite_files.on_network(tmp_path)
    assert not sqlite_files.on_network(tmp_path / "missing")
