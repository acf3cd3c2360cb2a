"""Chats and messages in SQLite: jobs for the store's threads."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from jupyter_aichat.domain.chat import Chat, ChatChanges, ChatQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.ids import ChatId, MessageId, OwnerId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.page import Branch, Page
from jupyter_aichat.domain.retention import Outdated
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.cursors import ms_of, pack_cursor, unpack_cursor
from jupyter_aichat.stores.rules import searchable
from jupyter_aichat.stores.sqlite_rows import (
    chat_of,
    find_message,
    get_chat,
    insert_message,
    keep_count,
    put_chat,
    whole,
)

_LIST = "SELECT pinned, updated_ms, id, body FROM chats WHERE {where} ORDER BY pinned DESC, updated_ms DESC, id DESC LIMIT ?"
OUTDATED = "updated_ms < ? AND (came_ms IS NULL OR came_ms < ?) AND pinned <= ?"
"""The condition under which a chat is outdated."""
_BRANCH = """
    WITH RECURSIVE up (id, parent_id, depth, body, k) AS (
        SELECT id, parent_id, depth, body, 1 FROM messages WHERE owner_id = :owner AND id = :leaf AND chat_id = :chat
        UNION ALL
        SELECT m.id, m.parent_id, m.depth, m.body, k + 1 FROM up JOIN messages m
        ON m.owner_id = :owner AND m.id = up.parent_id WHERE k < :limit
    ) SELECT parent_id, depth, body FROM up
"""


def list_chats(db: sqlite3.Connection, owner: OwnerId, query: ChatQuery) -> Page[Chat]:
    """See `Store.list_chats`."""
    where, values = ["owner_id = ?"], [owner]
    parameters: list[Any] = [*values]
    for column, wanted in (("archived", query.archived), ("pinned", query.pinned)):
        if wanted is not None:
            where.append(f"{column} = ?")
            parameters.append(int(wanted))
    if query.q:
        where.append("instr(folded_title, ?) > 0")
        parameters.append(searchable(query.q))
    if query.cursor is not None:
        where.append("(pinned, updated_ms, id) < (?, ?, ?)")
        parameters += unpack_cursor(query.cursor, int, int, str)
    rows = db.execute(_LIST.format(where=" AND ".join(where)), (*parameters, query.limit + 1)).fetchall()
    more, rows = len(rows) > query.limit, rows[: query.limit]
    return Page(tuple(chat_of(row[3]) for row in rows), pack_cursor(*rows[-1][:3]) if more else None)


def has_chats(db: sqlite3.Connection, owner: OwnerId, count: int) -> bool:
    """See `Store.has_chats`."""
    row = db.execute("SELECT 1 FROM chats WHERE owner_id = ? LIMIT 1 OFFSET ?", (owner, max(count, 1) - 1)).fetchone()
    return count <= 0 or row is not None


def add_conversation(db: sqlite3.Connection, owner: OwnerId, conversation: Conversation) -> Chat:
    """See `Store.add_conversation`."""
    chat, messages = conversation.chat, conversation.messages
    put_chat(db, owner, chat)
    for message, depth in zip(messages, conversation.depths(), strict=True):
        insert_message(db, owner, message, depth)
    keep_count(db, owner, chat.id, len(messages), conversation.came_at)
    return chat


def change_chat(db: sqlite3.Connection, owner: OwnerId, chat_id: ChatId, changes: ChatChanges) -> Chat:
    """See `Store.change_chat`."""
    chat = get_chat(db, owner, chat_id)
    wanted = {
        name: value for name in changes.__struct_fields__ if (value := getattr(changes, name)) is not msgspec.UNSET
    }
    if "active_leaf" in wanted:
        find_message(db, owner, chat_id, wanted["active_leaf"])
    chat = msgspec.structs.replace(chat, updated_at=max(now(), chat.updated_at), **wanted)
    put_chat(db, owner, chat)
    return chat


def outdated_chats(db: sqlite3.Connection, owner: OwnerId, outdated: Outdated, limit: int | None) -> tuple[ChatId, ...]:
    """See `Store.outdated_chats`."""
    rows = db.execute(
        f"SELECT id FROM chats WHERE owner_id = ? AND {OUTDATED} ORDER BY updated_ms, id LIMIT ?",
        (owner, *outdated_values(outdated), -1 if limit is None else limit),
    ).fetchall()
    return tuple(ChatId(chat_id) for (chat_id,) in rows)


def outdated_values(outdated: Outdated) -> tuple[int, int, int]:
    """Return the values of `OUTDATED`."""
    before = ms_of(outdated.before)
    return before, before, int(outdated.pinned)


def get_message(db: sqlite3.Connection, owner: OwnerId, chat_id: ChatId, message_id: MessageId) -> Message:
    """See `Store.get_message`."""
    row = db.execute(
        "SELECT body FROM messages WHERE owner_id = ? AND id = ? AND chat_id = ?", (owner, message_id, chat_id)
    ).fetchone()
    if row is None:
        raise NotFound("There is no such message.")
    return whole(db, owner, row[0])


def list_messages(
    db: sqlite3.Connection, owner: OwnerId, chat_id: ChatId, cursor: str | None, limit: int
) -> Page[Message]:
    """See `Store.list_messages`."""
    get_chat(db, owner, chat_id)
    after = unpack_cursor(cursor, int)[0] if cursor is not None else 0
    rows = db.execute(
        "SELECT n, body FROM messages WHERE owner_id = ? AND chat_id = ? AND n > ? ORDER BY n LIMIT ?",
        (owner, chat_id, after, limit + 1),
    ).fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    return Page(tuple(whole(db, owner, body) for _, body in rows), pack_cursor(rows[-1][0]) if more else None)


def branch(
    db: sqlite3.Connection, owner: OwnerId, chat_id: ChatId, leaf: MessageId, *, cursor: str | None, limit: int
) -> Branch[Message]:
    """See `Store.path`."""
    find_message(db, owner, chat_id, leaf)
    start = unpack_cursor(cursor, str)[0] if cursor is not None else leaf
    values = {"owner": owner, "leaf": start, "chat": chat_id, "limit": limit}
    rows = db.execute(_BRANCH, values).fetchall()
    if not rows:
        raise NotFound("There is no such message.")
    parent_id = rows[-1][0]
    messages = tuple(whole(db, owner, body) for _, _, body in rows)
    return Branch(messages, int(rows[0][1]), pack_cursor(parent_id) if parent_id is not None else None)
