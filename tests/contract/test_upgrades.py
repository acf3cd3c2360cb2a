"""Databases of each older version of the schema, with what they could hold then, used by this version.

What an older version wrote is made of what this one writes: of the tables and collections that there were then.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from jupyter_aichat.domain.account import Account, AccountChanges
from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.ids import ChatId, MessageId, OwnerId, RunId, ShareId, new_id
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.domain.record import Kind, Record
from jupyter_aichat.domain.run import RunEnd, seq_of
from jupyter_aichat.domain.share import Share
from jupyter_aichat.domain.usage import Charge, UsageQuery
from jupyter_aichat.errors import StoreUnavailable
from jupyter_aichat.stores import mongo_schema, sqlite_schema
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.sqlite import SqliteStore
from jupyter_aichat.stores.sqlite_record_rows import TABLES
from tests.contract.account_values import account_named, session_of, token_of
from tests.contract.records import Full, all_of, fill
from tests.contract.store_targets import mongo_target
from tests.contract.store_turns import WHEN, begun, turn

SQLITE, MONGO = len(sqlite_schema.STEPS), len(mongo_schema.STEPS)
USABLE_FROM = mongo_schema.STEPS[-1].usable_from
CHARGE = Charge("2026-11-25", "fake/m", 5, 6, 7)


@pytest.fixture
def full(jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[SqliteStore]:
    """A file of this version with records of all kinds."""
    store = SqliteStore(tmp_path / "full.sqlite3")
    jp_asyncio_loop.run_until_complete(store.open())
    jp_asyncio_loop.run_until_complete(fill(store))
    yield store
    jp_asyncio_loop.run_until_complete(store.close())


def without_groups(records: list[Record]) -> list[Record]:
    """Accounts as they were before there were groups."""
    return sorted((msgspec.structs.replace(each, groups=()) for each in records if isinstance(each, Account)), key=str)


async def use(store: Full, people: bool) -> None:
    """Let people go on with what they have, and do what is new to the database."""
    (owner,) = {each.owner_id for each in (await all_of(store.records))["chats"] if each.chat.title == "Über"}  # type: ignore[union-attr]
    if people:
        (ada,) = await store.accounts.accounts([owner])
    else:
        ada = await store.accounts.create_account(msgspec.structs.replace(account_named("Ada"), id=owner))
    chats = (await store.list_chats(owner, ChatQuery(archived=None))).items
    sent = await store.commit(turn("edit", chats[0].id, owner=owner, target=await _first(store, owner, chats[0].id)))
    end = RunEnd("completed", "stop", parts=(TextPart("new"),), seq=seq_of(1, 9), charge=CHARGE)
    assert await store.end_run(owner, sent.record.run.id, 1, end) is not None
    assert CHARGE.day in [used.day for used in await store.usage.used(owner, CHARGE.day)]
    await store.accounts.change_account(ada.id, AccountChanges(joins=("new",)))
    assert ("new", 1) in await store.accounts.groups()
    await store.accounts.create_session(session_of(ada))
    await store.accounts.create_token(token_of(ada), 99)
    await store.shares.create_share(Share(ShareId(new_id()), owner, chats[0].id, new_id(), WHEN), 99)
    await _charge_of_a_deleted_chat(store, ada.id)
    await store.accounts.delete_account(ada.id)
    assert await store.usage.used(ada.id, "") == ()


async def _first(store: Full, owner: OwnerId, chat: ChatId) -> MessageId:
    return (await store.list_messages(owner, chat, None, 1)).items[0].id


async def _charge_of_a_deleted_chat(store: Full, owner: OwnerId) -> None:
    sent = await begun(store, "gone", owner)
    await store.delete_chat(owner, sent.record.run.chat_id)
    for _ in range(2):
        end = RunEnd("stopped", "deleted", seq=seq_of(1, 9), charge=msgspec.structs.replace(CHARGE, day="2026-11-26"))
        await store.end_run(owner, RunId(sent.record.run.id), 1, end)
    (used,) = (await store.usage.list_usage(UsageQuery(owner, "2026-11-26", "2026-11-26"))).items
    assert used.runs == 1


# SQLite


def sqlite_of_version(version: int, path: Path, full: Path) -> None:
    """Make a file as that version had it, with the rows of a full one that it could have."""
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        for step in sqlite_schema.STEPS[:version]:
            old.executescript(step)
        old.execute(f"PRAGMA user_version = {version}")
        old.execute("ATTACH ? AS full", (str(full),))
        for table in tables_of(old):
            columns = ", ".join(name for _, name, *_ in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM full.{table}")
        if {"accounts", "memberships"} - tables_of(old) == {"memberships"}:
            old.execute("UPDATE main.accounts SET body = CAST(json_remove(CAST(body AS TEXT), '$.groups') AS BLOB)")


def tables_of(connection: sqlite3.Connection) -> set[str]:
    names = connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {name for (name,) in names}


@pytest.mark.parametrize("version", range(1, SQLITE + 1))
async def test_a_file_of_each_version_keeps_all_its_records(full: SqliteStore, tmp_path: Path, version: int) -> None:
    wanted = await all_of(full.records)
    path = tmp_path / "old.sqlite3"
    await asyncio.to_thread(sqlite_of_version, version, path, tmp_path / "full.sqlite3")
    with closing(sqlite3.connect(path)) as connection:
        there = tables_of(connection)
    store = SqliteStore(path)
    await store.open()
    found = await all_of(store.records)
    for kind, records in wanted.items():
        if TABLES[kind] not in there:
            assert found[kind] == [], kind
        elif kind == "accounts" and "memberships" not in there:
            assert found[kind] == without_groups(records)
        else:
            assert found[kind] == records, kind
    assert (await store.examine()).version == SQLITE
    await use(store, people="accounts" in there)
    await store.close()


# MongoDB


def kinds_of_version(version: int) -> set[Kind]:
    collections = {name for step in mongo_schema.STEPS[:version] for name in step.collections}
    return {kind for kind in TABLES if kind in collections}


@pytest.mark.parametrize("version", range(1, MONGO + 1))
async def test_a_database_of_each_version_keeps_all_its_records_and_old_replicas_go_on(
    full: SqliteStore, tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old replicas are this code with the steps of then: whether they are let in is what can be tried of them."""
    newest, wanted = mongo_schema.STEPS, await all_of(full.records)
    monkeypatch.setattr(mongo_schema, "STEPS", newest[:version])
    old = mongo_target(tmp_path)
    await old.open()
    there = kinds_of_version(version)
    for kind in there:
        records = without_groups(wanted[kind]) if kind == "accounts" and version < 5 else wanted[kind]
        await old.records.write(kind, records)
    monkeypatch.setattr(mongo_schema, "STEPS", newest)
    new = mongo_target(tmp_path)
    await new.open()
    for kind, found in (await all_of(new.records)).items():
        groupless = kind == "accounts" and version < 5
        assert found == ([] if kind not in there else without_groups(wanted[kind]) if groupless else wanted[kind]), kind
    assert (await new.examine()).missing == ()
    monkeypatch.setattr(mongo_schema, "STEPS", newest[:version])
    await _side_by_side(old, new, tmp_path)
    await use(new, people="accounts" in there)
    await asyncio.gather(old.close(), new.close())


async def _side_by_side(old: MongoStore, new: MongoStore, folder: Path) -> None:
    """An old replica that runs sees what the new one does, and one that is started now is let in, or told to be upgraded."""
    sent = await begun(new, "from the new one", OwnerId("both"))
    assert (await old.get_chat(OwnerId("both"), sent.record.run.chat_id)).title == "from the new one"
    late = mongo_target(folder)
    if len(mongo_schema.STEPS) < USABLE_FROM:
        with pytest.raises(StoreUnavailable, match="upgrade"):
            await late.open()
    else:
        await late.open()
        await late.delete_chat(OwnerId("both"), sent.record.run.chat_id)
        await late.close()
