"""What the SQLite store does while its disk is full, its file locked, a row damaged, or its own code at fault."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from jupyter_aichat.domain.chat import ChatChanges, ChatQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.errors import StoreUnavailable
from jupyter_aichat.stores import sqlite, sqlite_chats, sqlite_deleting, sqlite_schema
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.contract.store_targets import Raw
from tests.contract.store_turns import ADA, answered, begun, chat_named, said


@pytest.fixture
def store(sqlite_store: SqliteStore) -> SqliteStore:
    return sqlite_store


async def test_a_full_disk_refuses_writes_and_heals(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, raw: Raw
) -> None:
    committed = await begun(store)
    connect = store._connect

    def full() -> sqlite3.Connection:
        connection = connect()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    assert store._writer is not None
    monkeypatch.setattr(store._writer, "_connect", full)
    await asyncio.to_thread(store._writer._reconnect)
    with pytest.raises(StoreUnavailable):
        await begun(store, "x" * 1_000_000)
    with pytest.raises(StoreUnavailable):
        await store.checkpoint([said(committed.record, 3, "x" * 1_000_000)])
    assert (await store.get_message(ADA, committed.record.run.chat_id, committed.reply.id)).parts == ()
    assert raw("SELECT count(*) FROM chats") == [(1,)]
    monkeypatch.setattr(store._writer, "_connect", connect)
    await asyncio.to_thread(store._writer._reconnect)
    assert await store.checkpoint([said(committed.record, 3, "x" * 1_000_000)]) == frozenset()
    await begun(store, "x" * 1_000_000)


async def test_a_file_locked_for_a_moment_is_waited_for_and_for_long_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_MS", 300)
    store = SqliteStore(file)
    await store.open()
    blocker = await asyncio.to_thread(sqlite3.connect, file, isolation_level=None, check_same_thread=False)
    await asyncio.to_thread(blocker.execute, "BEGIN IMMEDIATE")
    writing = asyncio.ensure_future(store.create_chat(ADA, chat_named("waits")))
    await asyncio.sleep(0.05)
    assert not writing.done()
    assert (await store.list_chats(ADA, ChatQuery())).items == ()
    await asyncio.to_thread(blocker.execute, "COMMIT")
    assert (await writing).title == "waits"
    await asyncio.to_thread(blocker.execute, "BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable) as caught:
        await store.create_chat(ADA, chat_named("refused"))
    assert caught.value.details["retry_after"] == 5
    await asyncio.to_thread(blocker.execute, "ROLLBACK")
    await asyncio.to_thread(blocker.close)
    await store.create_chat(ADA, chat_named("later"))
    assert [chat.title for chat in (await store.list_chats(ADA, ChatQuery())).items] != ["refused"]
    await store.close()


@pytest.mark.parametrize(
    "fault", [RuntimeError("a bug"), OverflowError("too large"), OSError(28, "No space"), AssertionError()]
)
async def test_the_writer_outlives_whatever_one_job_raises(
    store: Store, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """The jobs of one transaction share its fate only where the file is at fault."""
    change_chat = sqlite_chats.change_chat

    def faulty(*args: object) -> None:
        raise fault

    chat = await store.create_chat(ADA, chat_named())
    monkeypatch.setattr(sqlite_chats, "change_chat", faulty)
    async with asyncio.timeout(10):
        results = await asyncio.gather(
            store.create_chat(ADA, chat_named("before")),
            store.change_chat(ADA, chat.id, ChatChanges(title="x")),
            store.create_chat(ADA, chat_named("after")),
            return_exceptions=True,
        )
    assert isinstance(results[1], StoreUnavailable)
    assert not isinstance(results[0], BaseException)
    assert not isinstance(results[2], BaseException)
    monkeypatch.setattr(sqlite_chats, "change_chat", change_chat)
    assert (await store.change_chat(ADA, chat.id, ChatChanges(title="x"))).title == "x"


async def test_a_damaged_row_is_an_error_of_ours_and_harms_no_other(store: Store, raw: Raw) -> None:
    bad, good = await answered(store), await answered(store)
    chat = bad.record.run.chat_id
    raw(f"UPDATE chats SET body = '{{' WHERE id = '{chat}'")
    for attempt in (
        store.get_chat(ADA, chat),
        store.list_chats(ADA, ChatQuery()),
        store.change_chat(ADA, chat, ChatChanges(title="x")),
    ):
        with pytest.raises(StoreUnavailable):
            await attempt
    assert (await store.get_chat(ADA, good.record.run.chat_id)).active_leaf == good.reply.id


async def test_a_file_that_was_moved_away_takes_no_writes_and_is_found_again(store: SqliteStore, file: Path) -> None:
    """What went into a file without a name would be acknowledged, and gone after the next start."""
    committed = await answered(store)
    chat = committed.record.run.chat_id
    away = file.with_name("away.sqlite3")
    os.rename(file, away)  # noqa: PTH104
    for attempt in (store.create_chat(ADA, chat_named("lost")), store.get_chat(ADA, chat), store.ping()):
        with pytest.raises(StoreUnavailable):
            await attempt
    assert os.listdir(file.parent).count(file.name) == 0  # noqa: PTH208
    os.rename(away, file)  # noqa: PTH104
    await store.ping()
    await store.create_chat(ADA, chat_named("kept"))
    assert {each.title for each in (await store.list_chats(ADA, ChatQuery())).items} == {"hi", "kept"}


async def test_a_backup_put_in_the_files_place_is_used_and_brought_up(
    store: SqliteStore, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = sqlite_schema.STEPS
    monkeypatch.setattr(sqlite_schema, "STEPS", steps[:1])
    backup = SqliteStore(tmp_path / "backup.sqlite3")
    await backup.open()
    await backup.create_chat(ADA, chat_named("from the backup"))
    await backup.close()
    monkeypatch.setattr(sqlite_schema, "STEPS", steps)
    await store.create_chat(ADA, chat_named("of today"))
    for left in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        left.unlink()
    (tmp_path / "backup.sqlite3").rename(file)
    await store.create_chat(ADA, chat_named("new"))
    titles = {each.title for each in (await store.list_chats(ADA, ChatQuery())).items}
    assert titles == {"from the backup", "new"}


async def test_a_deleted_chats_key_is_remembered_for_a_day_and_then_forgotten(
    store: SqliteStore, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = now()
    for days, left in ((0.0, ["k0.0"]), (0.9, ["k0.0", "k0.9"]), (1.1, ["k0.9", "k1.1"])):
        moment = today + timedelta(days=days)
        monkeypatch.setattr(sqlite_deleting, "now", lambda moment=moment: moment)
        committed = await begun(store, key=f"k{days}")
        await store.delete_chat(ADA, committed.record.run.chat_id)
        assert raw("SELECT key FROM idempotency ORDER BY key") == [(key,) for key in left]
