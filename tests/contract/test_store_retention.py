"""What every store knows of chats that nobody changes, and that it deletes them only as long as that is so."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from jupyter_aichat.domain.chat import Chat, ChatChanges
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.retention import Outdated
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.base import Store
from tests.contract.store_turns import ADA, EVE, WHEN, answered, chat_named, turn

DAY = timedelta(days=1)
OLD = Outdated(WHEN - 7 * DAY)
ALL_OLD = Outdated(WHEN - 7 * DAY, pinned=True)


async def old(store: Store, title: str, days: float = 8, owner: OwnerId = ADA, **fields: object) -> Chat:
    """A chat that was changed so long ago."""
    chat = msgspec.structs.replace(chat_named(title, WHEN - days * DAY), **fields)
    return await store.create_chat(owner, chat)


async def test_the_longest_unchanged_come_first(store: Store) -> None:
    second, first = await old(store, "second", 9), await old(store, "first", 20, archived=True)
    pinned = await old(store, "pinned", 12, pinned=True)
    await old(store, "kept", 6)
    await old(store, "just", 7)
    await old(store, "hers", 30, EVE)
    assert await store.outdated_chats(ADA, OLD) == (first.id, second.id)
    assert await store.outdated_chats(ADA, OLD, 1) == (first.id,)
    assert await store.outdated_chats(ADA, ALL_OLD) == (first.id, pinned.id, second.id)
    assert await store.outdated_chats(ADA, ALL_OLD, 2) == (first.id, pinned.id)
    assert await store.outdated_chats(OwnerId("nobody"), ALL_OLD) == ()


async def test_what_is_outdated_is_deleted_with_all_that_hangs_on_it(store: Store) -> None:
    committed = await answered(store)
    chat = committed.record.run.chat_id
    later = Outdated((await store.get_chat(ADA, chat)).updated_at + DAY)
    assert await store.delete_chat(ADA, chat, only=later) == ()
    for attempt in (
        store.get_chat(ADA, chat),
        store.get_message(ADA, chat, committed.reply.id),
        store.get_run(ADA, committed.record.run.id),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_what_was_changed_or_pinned_meanwhile_is_kept(store: Store, other: Store) -> None:
    renamed, asked, pinned = [await old(store, title) for title in ("renamed", "asked", "pinned")]
    assert len(await store.outdated_chats(ADA, OLD)) == 3
    await other.change_chat(ADA, renamed.id, ChatChanges(title="again"))
    await other.commit(turn("send", asked.id))
    await other.change_chat(ADA, pinned.id, ChatChanges(pinned=True))
    for chat in (renamed, asked, pinned):
        with pytest.raises(NotFound):
            await store.delete_chat(ADA, chat.id, only=OLD)
        await store.get_chat(ADA, chat.id)


async def test_pinned_chats_go_only_where_that_is_wanted(store: Store) -> None:
    pinned = await old(store, "pinned", pinned=True)
    with pytest.raises(NotFound):
        await store.delete_chat(ADA, pinned.id, only=OLD)
    await store.delete_chat(ADA, pinned.id, only=ALL_OLD)
    assert await store.outdated_chats(ADA, ALL_OLD) == ()


async def test_a_chat_that_came_from_elsewhere_is_kept_from_its_arrival_on(store: Store, other: Store) -> None:
    """It keeps the time of its last change, which is how it stands in the list."""
    chats = [chat_named(f"{days}", WHEN - 30 * DAY) for days in (6, 7, 8)]
    for chat, days in zip(chats, (6, 7, 8), strict=True):
        await store.add_conversation(ADA, Conversation(chat, (), WHEN - days * DAY))
    without = chat_named("without", WHEN - 30 * DAY)
    await store.add_conversation(ADA, Conversation(without, ()))
    assert await other.get_chat(ADA, chats[0].id) == chats[0]
    assert set(await store.outdated_chats(ADA, OLD)) == {chats[2].id, without.id}
    assert await store.outdated_chats(ADA, OLD, 1) == (await store.outdated_chats(ADA, OLD))[:1]
    for kept in chats[:2]:
        with pytest.raises(NotFound):
            await store.delete_chat(ADA, kept.id, only=OLD)
    later = Outdated(WHEN - 5 * DAY)
    await store.change_chat(ADA, chats[0].id, ChatChanges(title="changed"))
    assert set(await other.outdated_chats(ADA, later)) == {chats[1].id, chats[2].id, without.id}
    await store.delete_chat(ADA, chats[2].id, only=OLD)
    await store.delete_chat(ADA, chats[1].id)


async def test_nobody_elses_chat_is_outdated(store: Store) -> None:
    chat = await old(store, "mine")
    with pytest.raises(NotFound):
        await store.delete_chat(EVE, chat.id, only=ALL_OLD)
    assert await store.outdated_chats(EVE, ALL_OLD) == ()
