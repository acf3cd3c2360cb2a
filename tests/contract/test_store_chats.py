"""What every store keeps of chats: create, get, list, change, delete."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from jupyter_aichat.domain.chat import Chat, ChatChanges, ChatQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import ChatId, MessageId, OwnerId
from jupyter_aichat.domain.options import Options
from jupyter_aichat.errors import InvalidRequest, NotFound
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.cursors import pack_cursor
from tests.contract.store_turns import ADA, EVE, HERE, WHEN, answered, begun, chat_named, finish, said, turn


async def titles(store: Store, query: ChatQuery, owner: OwnerId = ADA) -> list[str]:
    return [chat.title for chat in (await store.list_chats(owner, query)).items]


async def fill(store: Store, count: int, owner: OwnerId = ADA) -> list[Chat]:
    """Chats `0` to `count - 1`, each changed a minute after the one before."""
    chats = [chat_named(str(n), WHEN + timedelta(minutes=n)) for n in range(count)]
    await asyncio.gather(*(store.create_chat(owner, chat) for chat in chats))
    return chats


async def change(store: Store, chat: Chat, changes: ChatChanges) -> None:
    """Change a chat at a moment later than all before."""
    before = now()
    while now() == before:
        await asyncio.sleep(0.0005)
    await store.change_chat(ADA, chat.id, changes)


async def pages(store: Store, query: ChatQuery) -> list[list[str]]:
    """The titles of all pages."""
    found: list[list[str]] = []
    while True:
        page = await store.list_chats(ADA, query)
        found.append([chat.title for chat in page.items])
        if page.next is None:
            return found
        query = msgspec.structs.replace(query, cursor=page.next)


async def test_a_chat_is_kept_as_it_was_written(store: Store, other: Store) -> None:
    chat = msgspec.structs.replace(
        chat_named("Ωmega"), model="m:1", options=Options(temperature=0.5, stop=("a", "b"), system="Be brief.")
    )
    assert await store.create_chat(ADA, chat) == chat
    assert await store.get_chat(ADA, chat.id) == chat
    assert await other.get_chat(ADA, chat.id) == chat


async def test_a_chat_of_another_owner_is_like_none(store: Store) -> None:
    chat = await store.create_chat(ADA, chat_named("mine"))
    for owner, chat_id in ((EVE, chat.id), (ADA, ChatId("unknown")), (OwnerId(""), chat.id)):
        for attempt in (
            store.get_chat(owner, chat_id),
            store.change_chat(owner, chat_id, ChatChanges(title="hers")),
            store.delete_chat(owner, chat_id),
        ):
            with pytest.raises(NotFound):
                await attempt
    assert await titles(store, ChatQuery(), EVE) == []
    assert await store.get_chat(ADA, chat.id) == chat


async def test_two_owners_may_have_one_id(store: Store) -> None:
    await store.create_chat(ADA, chat_named("hers", chat_id="same"))
    await store.create_chat(EVE, chat_named("his", chat_id="same"))
    await store.delete_chat(EVE, ChatId("same"))
    assert (await store.get_chat(ADA, ChatId("same"))).title == "hers"


async def test_pinned_ones_come_first_then_the_newest_change(store: Store) -> None:
    chats = await fill(store, 6)
    for n in (1, 3):
        await change(store, chats[n], ChatChanges(pinned=True))
    assert await titles(store, ChatQuery()) == ["3", "1", "5", "4", "2", "0"]
    await change(store, chats[2], ChatChanges(model="m"))
    assert await titles(store, ChatQuery()) == ["3", "1", "2", "5", "4", "0"]
    assert await titles(store, ChatQuery(pinned=True)) == ["3", "1"]
    assert await titles(store, ChatQuery(pinned=False)) == ["2", "5", "4", "0"]


async def test_archived_ones_are_listed_where_they_are_asked_for(store: Store) -> None:
    chats = await fill(store, 3)
    await store.change_chat(ADA, chats[1].id, ChatChanges(archived=True))
    assert await titles(store, ChatQuery()) == ["2", "0"]
    assert await titles(store, ChatQuery(archived=True)) == ["1"]
    assert await titles(store, ChatQuery(archived=None)) == ["1", "2", "0"]
    await store.change_chat(ADA, chats[1].id, ChatChanges(archived=False))
    assert sorted(await titles(store, ChatQuery())) == ["0", "1", "2"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 60])
async def test_pages_hold_each_chat_once(store: Store, limit: int) -> None:
    chats = await fill(store, 7)
    for n in (0, 4, 5):
        await change(store, chats[n], ChatChanges(pinned=True))
    found = await pages(store, ChatQuery(limit=limit))
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert [title for page in found for title in page] == ["5", "4", "0", "6", "3", "2", "1"]


async def test_chats_of_one_moment_are_paged_each_once(store: Store) -> None:
    for n in range(9):
        await store.create_chat(ADA, chat_named(str(n)))
    found = [title for page in await pages(store, ChatQuery(limit=2)) for title in page]
    assert sorted(found) == [str(n) for n in range(9)]


async def test_a_chat_that_comes_between_two_pages_shifts_nothing(store: Store) -> None:
    await fill(store, 6)
    first = await store.list_chats(ADA, ChatQuery(limit=3))
    await store.create_chat(ADA, chat_named("new", WHEN + timedelta(days=1)))
    assert await titles(store, ChatQuery(limit=3, cursor=first.next)) == ["2", "1", "0"]


@pytest.mark.parametrize(
    ("title", "q"),
    [
        ("Plotting in Python", "PYTHON"),
        ("Plotting in Python", "ting in"),
        ("Straße", "STRASSE"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("100 % sure", "%"),
        ("snake_case", "e_c"),
        ("a\\b 'quoted' \"too\"", "\\b 'quoted' \""),
        ("[a-z]* ^$?", "[a-z]*"),
        ("e\u0301tude", "\u00e9tude"),
        ("\u00e9tude", "E\u0301TUDE"),
        ("한글", "\u1112\u1161\u11ab"),
        ("שלום عليكم", "عليكم"),
        ("🧪 lab 👩‍🔬", "👩‍🔬"),
        ("x", ""),
    ],
)
async def test_a_title_is_found_by_what_stands_in_it(store: Store, title: str, q: str) -> None:
    await store.create_chat(ADA, chat_named(title))
    await store.create_chat(EVE, chat_named(title))
    assert await titles(store, ChatQuery(q=q)) == [title]


@pytest.mark.parametrize("q", ["p_thon", "p%n", "P*", ".", "python  in", "\0", "ython\0"])
async def test_what_does_not_stand_in_a_title_is_not_found(store: Store, q: str) -> None:
    await store.create_chat(ADA, chat_named("Python in practice"))
    assert await titles(store, ChatQuery(q=q)) == []


async def test_a_search_follows_a_new_title(store: Store) -> None:
    chat = await store.create_chat(ADA, chat_named("old"))
    await store.change_chat(ADA, chat.id, ChatChanges(title="new"))
    assert await titles(store, ChatQuery(q="old")) == []
    assert await titles(store, ChatQuery(q="NEW")) == ["new"]


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "!!!!", "WzEsMl0=", "é", "\ud800", "\0", pack_cursor(), pack_cursor("a", "b", "c"), pack_cursor(1),
        pack_cursor(1, 2**70, "x"), pack_cursor(1, -(2**70), "x"), pack_cursor(1, 1.5, "x"), pack_cursor(None, 1, "x"),
        pack_cursor(1, 1, "x") + "[", "W1siXV0=", "A" * 4000,
    ],
)  # fmt: skip
async def test_a_bad_cursor_is_an_invalid_request(store: Store, cursor: str) -> None:
    committed = await answered(store)
    chat, reply = committed.record.run.chat_id, committed.reply.id
    with pytest.raises(InvalidRequest):
        await store.list_chats(ADA, ChatQuery(cursor=cursor))
    with pytest.raises(InvalidRequest):
        await store.list_messages(ADA, chat, cursor + pack_cursor(2**70), 10)
    with pytest.raises((InvalidRequest, NotFound)):
        await store.path(ADA, chat, reply, cursor, 10)


async def test_changes_change_what_they_name_and_raise_the_time(store: Store) -> None:
    chat = await store.create_chat(ADA, msgspec.structs.replace(chat_named("t"), model="m"))
    changed = await store.change_chat(ADA, chat.id, ChatChanges(title="u", pinned=True))
    assert changed.updated_at > chat.updated_at
    assert changed == msgspec.structs.replace(chat, title="u", pinned=True, updated_at=changed.updated_at)
    assert await store.get_chat(ADA, chat.id) == changed
    changed = await store.change_chat(ADA, chat.id, ChatChanges(model=None, options=Options(seed=1)))
    assert (changed.model, changed.options, changed.title) == (None, Options(seed=1), "u")


async def test_a_time_never_falls(store: Store) -> None:
    future = WHEN.replace(year=2126)
    chat = await store.create_chat(ADA, chat_named("t", future))
    changed = await store.change_chat(ADA, chat.id, ChatChanges(title="u"))
    assert changed.updated_at >= future


async def test_the_leaf_is_a_message_of_this_chat(store: Store) -> None:
    committed, foreign = await answered(store), await answered(store)
    chat = committed.record.run.chat_id
    for leaf in (foreign.reply.id, MessageId("unknown")):
        with pytest.raises(NotFound):
            await store.change_chat(ADA, chat, ChatChanges(title="half", active_leaf=leaf))
    assert (await store.get_chat(ADA, chat)).title == "hi"
    changed = await store.change_chat(ADA, chat, ChatChanges(active_leaf=committed.message.id))
    assert changed.active_leaf == committed.message.id


async def test_a_deleted_chat_is_gone_with_all_that_hangs_on_it(store: Store, other: Store) -> None:
    done, beside = await answered(store), await answered(store, "beside")
    chat = done.record.run.chat_id
    under_way = await store.commit(turn("send", chat))
    await store.checkpoint([said(under_way.record, 3, "text")])
    assert await store.delete_chat(ADA, chat) == (under_way.record.run.id,)
    for look in (store, other):
        for attempt in (
            look.get_chat(ADA, chat),
            look.delete_chat(ADA, chat),
            look.list_messages(ADA, chat, None, 10),
            look.path(ADA, chat, done.reply.id, None, 10),
            look.get_message(ADA, chat, done.reply.id),
            look.get_run(ADA, done.record.run.id),
            look.get_run(ADA, under_way.record.run.id),
            look.progress(ADA, under_way.record.run.id, 0),
            look.request_stop(ADA, under_way.record.run.id),
        ):
            with pytest.raises(NotFound):
                await attempt
        assert await look.active_runs(ADA, chat) == ()
    assert (await store.get_message(ADA, beside.record.run.chat_id, beside.reply.id)).status == "completed"


async def test_nothing_of_a_deleted_chat_comes_back(store: Store) -> None:
    committed = await begun(store)
    record, chat = committed.record, committed.record.run.chat_id
    await store.delete_chat(ADA, chat)
    assert await store.checkpoint([said(record, 3, "text")]) == frozenset({record.run.id})
    assert await finish(store, committed) is None
    assert await store.claim(ADA, record.run.id, record.epoch, HERE) is None
    with pytest.raises(NotFound):
        await store.commit(turn("send", chat))
    assert await titles(store, ChatQuery(archived=None)) == []
    assert await store.orphans([HERE]) == ()
