"""Chats in MongoDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from jupyter_aichat.domain.chat import Chat, ChatChanges, ChatQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.ids import ChatId, OwnerId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.page import Page
from jupyter_aichat.domain.retention import Outdated
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.cursors import at_of, ms_of, pack_cursor, unpack_cursor
from jupyter_aichat.stores.mongo_base import Document, Scope, by_id
from jupyter_aichat.stores.mongo_documents import builtins, chat_of, kept_chat_document, message_document
from jupyter_aichat.stores.mongo_messages import find_message
from jupyter_aichat.stores.rules import check_chat, searchable

_ORDER = (("pinned", -1), ("updated_at", -1), ("id", -1))
_MESSAGES_AT_ONCE = 100
_BYTES_AT_ONCE = 1024 * 1024


async def get_chat(db: Scope, owner: OwnerId, chat_id: str) -> Chat:
    """See `Store.get_chat`."""
    found = await db.find_one("chats", by_id(owner, chat_id))
    if found is None:
        raise NotFound("There is no such chat.")
    return chat_of(found)


async def list_chats(db: Scope, owner: OwnerId, query: ChatQuery) -> Page[Chat]:
    """See `Store.list_chats`."""
    wanted: Document = {"owner_id": owner}
    for field, value in (("archived", query.archived), ("pinned", query.pinned)):
        if value is not None:
            wanted[field] = value
    if query.q:
        place = {"$indexOfBytes": ["$folded_title", {"$literal": searchable(query.q)}]}
        wanted["$expr"] = {"$gte": [place, 0]}
    if query.cursor is not None:
        wanted["$or"] = _after(query.cursor)
    found = await db.find("chats", wanted, sort=_ORDER, limit=query.limit + 1)
    more, found = len(found) > query.limit, found[: query.limit]
    return Page(tuple(map(chat_of, found)), _cursor(found[-1]) if more else None)


def _cursor(last: Document) -> str:
    return pack_cursor(int(last["pinned"]), ms_of(last["updated_at"]), last["id"])


def _after(cursor: str) -> Sequence[Document]:
    """What comes later in the order than the chat that a cursor stands for."""
    pinned, updated_ms, chat_id = unpack_cursor(cursor, int, int, str)
    updated_at = at_of(updated_ms)
    pin = bool(pinned)
    return (
        {"pinned": {"$lt": pin}},
        {"pinned": pin, "updated_at": {"$lt": updated_at}},
        {"pinned": pin, "updated_at": updated_at, "id": {"$lt": chat_id}},
    )


async def has_chats(db: Scope, owner: OwnerId, count: int) -> bool:
    """See `Store.has_chats`; answered from an index alone."""
    only = {"_id": 0, "owner_id": 1}
    return count <= 0 or bool(await db.find("chats", {"owner_id": owner}, only, skip=count - 1, limit=1))


async def add_conversation(db: Scope, owner: OwnerId, conversation: Conversation) -> Chat:
    """See `Store.add_conversation`; in a transaction. Raises `AlreadyThere` where it was written before."""
    chat, messages = conversation.chat, conversation.messages
    await db.insert("chats", [kept_chat_document(owner, chat, len(messages), conversation.came_at)])
    for batch in _batches(tuple(zip(messages, conversation.depths(), strict=True))):
        await db.insert("messages", [message_document(owner, message, depth) for message, depth in batch])
    return chat


def _batches(messages: Sequence[tuple[Message, int]]) -> Iterator[list[tuple[Message, int]]]:
    """Yield messages in portions that are encoded in a few milliseconds."""
    batch: list[tuple[Message, int]] = []
    length = 0
    for message, depth in messages:
        batch.append((message, depth))
        length += sum(len(getattr(part, "text", "")) for part in message.parts)
        if len(batch) >= _MESSAGES_AT_ONCE or length >= _BYTES_AT_ONCE:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


async def change_chat(db: Scope, owner: OwnerId, chat_id: ChatId, changes: ChatChanges) -> Chat:
    """See `Store.change_chat`."""
    chat = await get_chat(db, owner, chat_id)
    wanted = {
        name: value for name in changes.__struct_fields__ if (value := getattr(changes, name)) is not msgspec.UNSET
    }
    if "active_leaf" in wanted:
        await find_message(db, owner, chat_id, wanted["active_leaf"])
    check_chat(msgspec.structs.replace(chat, **wanted))
    fields = {name: builtins(value) for name, value in wanted.items()}
    if "title" in wanted:
        fields["folded_title"] = searchable(wanted["title"])
    change = {"$max": {"updated_at": now()}, **({"$set": fields} if fields else {})}
    changed = await db.take("chats", by_id(owner, chat_id), change)
    if changed is None:
        raise NotFound("There is no such chat.")
    return chat_of(changed)


async def outdated_chats(db: Scope, owner: OwnerId, outdated: Outdated, limit: int | None) -> tuple[ChatId, ...]:
    """See `Store.outdated_chats`; both questions are answered from an index in its order."""
    found: list[Document] = []
    for pinned in (False, True) if outdated.pinned else (False,):
        wanted = {"owner_id": owner, "pinned": pinned, **_unchanged_since(outdated.before)}
        order = (("updated_at", 1), ("id", 1))
        found += await db.find("chats", wanted, {"id": 1, "updated_at": 1}, sort=order, limit=limit or 0)
    found.sort(key=lambda each: (each["updated_at"], each["id"]))
    return tuple(ChatId(each["id"]) for each in found[:limit])


def is_outdated(outdated: Outdated) -> Document:
    """Return the condition under which a chat is outdated."""
    kept: Document = {} if outdated.pinned else {"pinned": False}
    return {**_unchanged_since(outdated.before), **kept}


def _unchanged_since(before: datetime) -> Document:
    """Neither changed nor arrived since then; most chats were begun here and have no time of arrival."""
    return {"updated_at": {"$lt": before}, "came_at": {"$not": {"$gte": before}}}
