"""Chats that are kept no longer: whose, after how many days, deleted by whom, and how that is written down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from traitlets import TraitError

from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.account import AccountChanges
from jupyter_aichat.domain.audit import AuditQuery
from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import ChatChanges, ChatQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import ChatId, OwnerId
from jupyter_aichat.domain.retention import Outdated, RetentionRules
from jupyter_aichat.engine import expiring, retention
from jupyter_aichat.engine.deleting import Deleting
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.expiring import RETENTION, Expiring
from jupyter_aichat.engine.owners import Owners
from jupyter_aichat.engine.retention import Retention
from jupyter_aichat.errors import NotFound, StoreUnavailable
from jupyter_aichat.stores import sqlite_deleting
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.contract.account_values import registered
from tests.contract.store_turns import chat_named
from tests.contract.test_store_conversations import conversation
from tests.engine.collect import until
from tests.fakes import FakeProvider

DAY = timedelta(days=1)
LOOK_S = 0.05
LOG = logging.getLogger("tests.retention")


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LOOK_S", LOOK_S)


@pytest.fixture
def store(jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "chats.sqlite3")
    jp_asyncio_loop.run_until_complete(store.open())
    yield store
    jp_asyncio_loop.run_until_complete(store.close())


async def forget(owner: OwnerId, chat_id: ChatId) -> None:
    """No answers are kept."""


@pytest.fixture
def deleting(store: SqliteStore) -> Deleting:
    bus = LocalBus()
    return Deleting(store, bus, Owners(bus, LOG), end=lambda _: False, forget=forget)


@pytest.fixture
def sweep(store: SqliteStore, deleting: Deleting) -> Callable[..., Any]:
    async def sweep(rules: RetentionRules, *, dry: bool = False) -> list[tuple[str, int, int]]:
        found = Expiring(store, store.accounts, deleting).sweep(rules, dry=dry)
        return [(expired.account.name, expired.days, expired.chats) async for expired in found]

    return sweep


async def owner_with(store: SqliteStore, name: str, *days: float, groups: tuple[str, ...] = ()) -> OwnerId:
    """Somebody in groups, whose chats were changed so many days ago."""
    account = await registered(store.accounts, name)
    await store.accounts.change_account(account.id, AccountChanges(groups=groups))
    for ago in days:
        await store.create_chat(account.id, chat_named(f"{ago}", now() - ago * DAY))
    return account.id


async def left(store: SqliteStore, owner: OwnerId) -> list[str]:
    return [chat.title for chat in (await store.list_chats(owner, ChatQuery(archived=None))).items]


@pytest.mark.parametrize(
    ("rules", "groups", "days"),
    [
        (RetentionRules(), ("a",), None),
        (RetentionRules(30), (), 30),
        (RetentionRules(30, {"a": 7}), ("a",), 7),
        (RetentionRules(30, {"a": 7, "b": 90}), ("a", "b"), 90),
        (RetentionRules(30, {"a": 7, "staff": 0}), ("a", "staff"), None),
        (RetentionRules(0, {"a": 7}), ("b",), None),
        (RetentionRules(30, {"a": 7}), ("b",), 30),
    ],
)
def test_of_several_groups_the_one_that_keeps_longest_counts(
    rules: RetentionRules, groups: tuple[str, ...], days: int | None
) -> None:
    at = now()
    assert rules.days_of(groups) == days
    assert rules.outdated(groups, at) == (None if days is None else Outdated(at - days * DAY))


def test_groups_are_one_whatever_their_case() -> None:
    accounts: Any = object()
    assert Retention(accounts, days_by_group={" Class-1 ": 7}).rules.by_group == {"class-1": 7}
    decomposed = {"Ko\N{COMBINING DIAERESIS}ln": 0}  # as some editors write it
    assert (
        Retention(accounts, days=7, days_by_group=decomposed).rules.days_of(
            ["k\N{LATIN SMALL LETTER O WITH DIAERESIS}ln"]
        )
        is None
    )
    for wrong in ({"a": 1, "A": 2}, {" ": 1}, {"a": -1}, {"a": "x"}):
        with pytest.raises(TraitError):
            Retention(accounts, days_by_group=wrong)


def test_who_has_no_account_keeps_all() -> None:
    assert not Retention(days=1).rules.any


async def test_each_has_the_days_of_their_groups(store: SqliteStore, sweep: Callable[..., Any]) -> None:
    ada = await owner_with(store, "ada", 1, 8, 40)
    ben = await owner_with(store, "ben", 1, 8, 40, groups=("brief",))
    eve = await owner_with(store, "eve", 1, 8, 400, groups=("brief", "staff"))
    rules = RetentionRules(30, {"brief": 7, "staff": 0})
    found = [("ada", 30, 1), ("ben", 7, 2)]
    assert await sweep(rules, dry=True) == found
    assert [len(await left(store, owner)) for owner in (ada, ben, eve)] == [3, 3, 3], "a dry run deletes nothing"
    assert await sweep(rules) == found
    assert await left(store, ada) == ["1", "8"]
    assert await left(store, ben) == ["1"]
    assert await left(store, eve) == ["1", "8", "400"]
    assert await sweep(rules) == []


async def test_nothing_is_left_of_a_large_chat_where_no_engine_runs(
    store: SqliteStore, sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_deleting, "PORTION", 10)
    ada = await owner_with(store, "ada")
    old = conversation(45)
    at = now() - 30 * DAY
    chat = msgspec.structs.replace(old.chat, pinned=False, created_at=at, updated_at=at)
    await store.add_conversation(ada, msgspec.structs.replace(old, chat=chat))
    assert await sweep(RetentionRules(7)) == [("ada", 7, 1)]
    assert await store.clear() is False
    with pytest.raises(NotFound):
        await store.get_message(ada, old.chat.id, old.messages[0].id)


async def test_it_goes_on_over_all_pages(
    store: SqliteStore, sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiring, "_ACCOUNTS_AT_ONCE", 2)
    monkeypatch.setattr(expiring, "_CHATS_AT_ONCE", 3)
    for n in range(5):
        await owner_with(store, f"p{n}", *[9] * (n + 2))
    assert await sweep(RetentionRules(7)) == [(f"p{n}", 7, n + 2) for n in range(5)]


async def test_the_audit_counts_and_tells_no_titles(store: SqliteStore, sweep: Callable[..., Any]) -> None:
    ada = await owner_with(store, "ada", 8, 9)
    await sweep(RetentionRules(7), dry=True)
    assert (await store.accounts.list_audit(AuditQuery())).items == ()
    await sweep(RetentionRules(7))
    (record,) = (await store.accounts.list_audit(AuditQuery())).items
    assert (record.action, record.actor, record.subject) == ("chats_expired", RETENTION, ada)
    assert record.details == {"chats": "2", "days": "7"}


async def test_what_was_deleted_before_the_store_went_away_is_written_down(
    store: SqliteStore, deleting: Deleting, sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await owner_with(store, "ada", 8, 9, 10)
    delete, tries = deleting.delete, iter((True, True, False))

    async def fail_at_last(*args: Any, **kwargs: Any) -> None:
        if not next(tries):
            raise StoreUnavailable("away")
        await delete(*args, **kwargs)

    monkeypatch.setattr(deleting, "delete", fail_at_last)
    with pytest.raises(StoreUnavailable):
        await sweep(RetentionRules(7))
    (record,) = (await store.accounts.list_audit(AuditQuery())).items
    assert record.details["chats"] == "2"
    assert await left(store, ada) == ["8"]


async def test_a_chat_that_is_changed_after_it_was_found_is_kept(
    store: SqliteStore, sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await owner_with(store, "ada", 8, 9)
    find = store.outdated_chats

    async def find_and_use(*args: Any, **kwargs: Any) -> tuple[ChatId, ...]:
        found = await find(*args, **kwargs)
        await store.change_chat(ada, found[0], ChatChanges(title="used again"))
        return found

    monkeypatch.setattr(store, "outdated_chats", find_and_use)
    assert await sweep(RetentionRules(7)) == [("ada", 7, 1)]
    assert await left(store, ada) == ["used again"]


class Turns(LocalCache):
    """Remembers who got the turn."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[bool] = []

    async def add(self, key: str, value: bytes, ttl_s: float) -> bool:
        given = await super().add(key, value, ttl_s)
        if key == "retention":
            self.given.append(given)
        return given


async def test_views_hear_of_what_is_deleted_and_one_process_takes_the_turn(
    tmp_path: Path, provider: FakeProvider
) -> None:
    cache, bus = Turns(), LocalBus()
    engines, notes = list[Engine](), list[str]()
    stores = [SqliteStore(tmp_path / "chats.sqlite3") for _ in range(2)]
    for store in stores:
        rule = Retention(store.accounts, notes.append, days=7, every_s=1000)
        engines.append(Engine(store, bus, cache, [provider], retention=rule))
        await store.open()
    ada = await owner_with(stores[0], "ada", 8, 1)
    seen = list[Change]()
    try:
        for engine in engines:
            await engine.start()
        engines[0].watch(ada, seen.append)
        await until(lambda: seen and len(cache.given) > 3)
    finally:
        for engine in engines:
            await engine.stop()
    assert [(change.owner_id, change.change) for change in seen] == [(ada, "deleted")]
    assert notes == ["chats_expired"]
    assert cache.given.count(True) == 1


async def test_the_turn_of_a_sweep_that_could_not_be_made_is_free(
    store: SqliteStore, deleting: Deleting, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await owner_with(store, "ada", 8)
    list_accounts, tries = store.accounts.list_accounts, 0

    async def away_at_first(query: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreUnavailable("away")
        return await list_accounts(query)

    accounts = store.accounts
    monkeypatch.setattr(accounts, "list_accounts", away_at_first)
    rule = Retention(accounts, days=7, every_s=1000)
    rule.start(store, deleting, LocalCache(), LOG)
    try:
        async with asyncio.timeout(5):
            while await left(store, ada):
                await asyncio.sleep(0.01)
    finally:
        await rule.stop()
    assert tries == 2
