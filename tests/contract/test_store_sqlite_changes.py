"""What one process hears of another's changes through the file, where no bus tells it."""

from __future__ import annotations

import asyncio

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import ChatChanges
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.contract.store_turns import ADA, begun, chat_named, turn


async def test_one_hears_what_the_others_changed_and_not_oneself(
    sqlite_store: SqliteStore, other_sqlite_store: SqliteStore
) -> None:
    await other_sqlite_store.create_chat(ADA, chat_named("before"))
    position, changes = await sqlite_store.changes(None)
    assert changes == ()
    assert await sqlite_store.changes(position) == (position, ())
    chat = await other_sqlite_store.create_chat(ADA, chat_named())
    sent = await other_sqlite_store.commit(turn("send", chat.id, key="k"))
    await other_sqlite_store.commit(turn("send", chat.id, key="k"))
    await sqlite_store.create_chat(ADA, chat_named("mine"))
    begun_there = await begun(other_sqlite_store)
    await other_sqlite_store.change_chat(ADA, chat.id, ChatChanges(title="t"))
    await other_sqlite_store.delete_chat(ADA, chat.id)
    after, changes = await sqlite_store.changes(position)
    new = begun_there.record.run
    assert list(changes) == [
        Change(ADA, chat.id, "created"),
        Change(ADA, chat.id, "message", sent.reply.id, sent.record.run.id),
        Change(ADA, new.chat_id, "created"),
        Change(ADA, new.chat_id, "message", new.message_id, new.id),
        Change(ADA, chat.id, "updated"),
        Change(ADA, chat.id, "deleted"),
    ]
    assert after > position
    assert await sqlite_store.changes(after) == (after, ())
    assert [change.change for change in (await other_sqlite_store.changes(position))[1]] == ["created"]


async def test_what_was_refused_is_no_change(sqlite_store: SqliteStore, other_sqlite_store: SqliteStore) -> None:
    position, _ = await sqlite_store.changes(None)
    committed = await begun(other_sqlite_store)
    await asyncio.gather(
        other_sqlite_store.commit(turn("send", committed.record.run.chat_id)),
        other_sqlite_store.delete_chat(ADA, chat_named().id),
        return_exceptions=True,
    )
    _, changes = await sqlite_store.changes(position)
    assert [change.change for change in changes] == ["created", "message"]
