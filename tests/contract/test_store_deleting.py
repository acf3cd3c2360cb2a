"""What every store does with chats that are too large to be deleted at once, and with all that somebody has."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.ids import ChatId, OwnerId
from jupyter_aichat.domain.retention import Outdated
from jupyter_aichat.domain.run import Committed
from jupyter_aichat.errors import NotFound, StoreUnavailable
from jupyter_aichat.stores import mongo_deleting, mongo_people, sqlite_accounts, sqlite_deleting
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.contract.account_values import registered
from tests.contract.mongo_commands import RECORDER
from tests.contract.store_turns import ADA, EVE, WHEN, chat_named, finish, said, turn
from tests.contract.test_store_conversations import conversation

PORTION = 10


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (mongo_deleting, sqlite_deleting):
        monkeypatch.setattr(module, "PORTION", PORTION)


async def large(store: Store, owner: OwnerId = ADA, count: int = 45) -> ChatId:
    new = conversation(count)
    await store.add_conversation(owner, new)
    return new.chat.id


async def asked(store: Store, chat: ChatId, key: str, owner: OwnerId = ADA, *, ends: bool = True) -> Committed:
    """A question, so that the chat has a run; its parent is an answer that has ended."""
    parent = (await store.list_messages(owner, chat, None, 2)).items[1].id
    committed = await store.commit(turn("send", chat, owner=owner, key=key, parent=parent))
    if ends:
        await finish(store, committed)
    return committed


async def kept(store: Store, owner: OwnerId) -> Counter[str]:
    """How much of each kind there is of an owner."""
    assert isinstance(store, MongoStore | SqliteStore)
    found: Counter[str] = Counter()
    async with store.records.reading() as reading:
        for kind in ("chats", "messages", "runs", "segments", "keys", "shares", "usage", "remains"):
            found[kind] = len([1 async for each in reading.records(kind) if each.owner_id == owner])  # type: ignore[union-attr]
    return +found


async def cleared(store: Store) -> int:
    portions = 0
    while await store.clear():
        portions += 1
    return portions


async def test_a_large_chat_is_gone_at_once_and_then_all_of_it(store: Store, other: Store) -> None:
    chat, hers = await large(store), await large(store, EVE)
    small = (await store.create_chat(ADA, chat_named("small"))).id
    for n in range(12):
        await asked(store, chat, f"k{n}")
    running = await asked(store, chat, "running", ends=False)
    await store.checkpoint([said(running.record, 3, "so")])
    assert await store.delete_chat(ADA, chat) == (running.record.run.id,)
    assert [each.id for each in (await other.list_chats(ADA, ChatQuery())).items] == [small]
    for attempt in (
        other.get_chat(ADA, chat),
        other.commit(turn("send", chat)),
        other.committed(turn("send", chat, key="k3")),
        other.commit(turn("send", chat, key="k3")),
        other.get_run(ADA, running.record.run.id),
        other.delete_chat(ADA, chat),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await store.checkpoint([said(running.record, 4, "late")]) == {running.record.run.id}
    assert await cleared(other) > 7
    assert await kept(store, ADA) == {"chats": 1, "keys": 13}
    assert (await kept(store, EVE))["messages"] == 46
    await store.get_chat(EVE, hers)
    with pytest.raises(NotFound):
        await other.committed(turn("send", chat, key="k3"))


async def test_what_a_process_left_that_died_another_takes_away(store: Store, other: Store) -> None:
    first, second = await large(store), await large(store)
    await store.delete_chat(ADA, first)
    assert await store.clear()
    await store.delete_chat(ADA, second)
    left = await kept(other, ADA)
    assert (left["remains"], left["messages"]) == (2, 2 * 46 - PORTION)
    await store.close()
    assert await cleared(other) > 0
    assert await kept(other, ADA) == {}
    assert await other.clear() is False


async def test_a_small_chat_leaves_nothing(store: Store) -> None:
    chat = await large(store, count=PORTION - 1)
    assert await store.delete_chat(ADA, chat) == ()
    assert await kept(store, ADA) == {}
    assert await store.clear() is False


async def test_a_large_chat_that_is_kept_no_longer_goes_like_any_other(store: Store) -> None:
    new = conversation(45)
    await store.add_conversation(ADA, Conversation(msgspec.structs.replace(new.chat, pinned=False), new.messages))
    with pytest.raises(NotFound):
        await store.delete_chat(ADA, new.chat.id, only=Outdated(WHEN))
    assert await kept(store, ADA) == {"chats": 1, "messages": 46}
    later = Outdated(WHEN.replace(year=WHEN.year + 1))
    assert await store.delete_chat(ADA, new.chat.id, only=later) == ()
    await cleared(store)
    assert await kept(store, ADA) == {}


async def test_no_transaction_of_mongodb_deletes_many(mongo_store: MongoStore) -> None:
    chat = await large(mongo_store)
    RECORDER.commands.clear()
    await mongo_store.delete_chat(ADA, chat)
    assert RECORDER.about("messages") == []
    await cleared(mongo_store)
    deletions = [each["deletes"][0]["q"]["_id"]["$in"] for each in RECORDER.about("messages") if "deletes" in each]
    assert [len(ids) for ids in deletions] == [PORTION] * 4 + [6]
    assert not any("txnNumber" in each and "autocommit" in each for each in RECORDER.about("messages"))


async def test_somebody_who_has_much_is_deleted_in_portions_also_if_that_is_cut_off(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(store, MongoStore | SqliteStore)
    assert isinstance(other, MongoStore | SqliteStore)
    ada, eve = [await registered(store.accounts, name) for name in ("Ada", "Eve")]
    running = list[Committed]()
    for owner in (ada.id, eve.id):
        await store.delete_chat(owner, await large(store, owner))  # of which something is left
        chat = await large(store, owner)
        for n in range(12):
            await asked(store, chat, f"k{n}", owner)
        running.append(await asked(store, chat, "running", owner, ends=False))
    portions = iter((True, True))

    def fail_at_third(*_: object) -> None:
        if not next(portions, False):
            raise StoreUnavailable("The database is gone.")

    _cut_off(monkeypatch, fail_at_third)
    with pytest.raises(StoreUnavailable):
        await store.accounts.delete_account(eve.id)
    monkeypatch.undo()
    assert await kept(other, eve.id) != {}
    await other.accounts.delete_account(eve.id)
    assert await kept(other, eve.id) == {}
    assert await other.accounts.accounts([eve.id]) == ()
    with pytest.raises(NotFound):
        await other.get_run(eve.id, running[1].record.run.id)
    assert (await kept(other, ada.id))["messages"] == 46 + 46 + 26


def _cut_off(monkeypatch: pytest.MonkeyPatch, before: object) -> None:
    """Let something happen before each portion that is deleted."""
    assert callable(before)
    some, clear = mongo_deleting.delete_some, sqlite_deleting.clear

    async def delete_some(*arguments: object) -> bool:
        before()
        return await some(*arguments)  # type: ignore[arg-type]

    def clear_some(*arguments: object) -> bool:
        before()
        return clear(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(mongo_people, "delete_some", delete_some)
    monkeypatch.setattr(sqlite_accounts, "clear", clear_some)
