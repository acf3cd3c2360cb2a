"""Messages in MongoDB: reading them, alone, in pages and by branches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from jupyter_aichat.domain.ids import ChatId, MessageId, OwnerId, RunId
from jupyter_aichat.domain.message import RUNNING, Message
from jupyter_aichat.domain.page import Branch, Page
from jupyter_aichat.domain.run import Segment
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.cursors import pack_cursor, unpack_cursor
from jupyter_aichat.stores.mongo_base import Document, Scope, by_id, by_ids
from jupyter_aichat.stores.mongo_documents import message_of, segment_of
from jupyter_aichat.stores.rules import joined

_SKELETON = {"_id": 0, "id": 1, "parent_id": 1}


async def find_message(db: Scope, owner: OwnerId, chat_id: str, message_id: str) -> Document:
    """Return a message's document or raise `NotFound`."""
    found = await db.find_one("messages", {**by_id(owner, message_id), "chat_id": chat_id})
    if found is None:
        raise NotFound("There is no such message.")
    return found


async def get_message(db: Scope, owner: OwnerId, chat_id: ChatId, message_id: MessageId) -> Message:
    """See `Store.get_message`."""
    found = await whole(db, owner, [await find_message(db, owner, chat_id, message_id)])
    if not found:
        raise NotFound("There is no such message.")
    return found[0]


async def list_messages(db: Scope, owner: OwnerId, chat_id: ChatId, cursor: str | None, limit: int) -> Page[Message]:
    """See `Store.list_messages`."""
    query: Document = {"owner_id": owner, "chat_id": chat_id}
    if cursor is not None:
        query["n"] = {"$gt": unpack_cursor(cursor, int)[0]}
    found = await db.find("messages", query, sort=[("n", 1)], limit=limit + 1)
    if not found and await db.find_one("chats", by_id(owner, chat_id), {"id": 1}) is None:
        raise NotFound("There is no such chat.")
    more, found = len(found) > limit, found[:limit]
    return Page(tuple(await whole(db, owner, found)), pack_cursor(found[-1]["n"]) if more else None)


async def branch(
    db: Scope, owner: OwnerId, chat_id: ChatId, leaf: MessageId, *, cursor: str | None, limit: int
) -> Branch[Message]:
    """Return a page of a branch in three questions, however long it is: where it begins, who stands above, their texts.

    Who stands above is read from an index alone: all messages of the chat at these depths.
    """
    start = unpack_cursor(cursor, str)[0] if cursor is not None else leaf
    first = await find_message(db, owner, chat_id, start)
    depth = first["depth"]
    above = {"owner_id": owner, "chat_id": chat_id, "depth": {"$gt": depth - limit, "$lt": depth}}
    parents = (
        {each["id"]: each["parent_id"] for each in await db.find("messages", above, _SKELETON)} if limit > 1 else {}
    )
    ids: list[str] = []
    parent = first["parent_id"]
    while parent in parents:
        ids.append(parent)
        parent = parents[parent]
    found = {each["id"]: each for each in await _by_ids(db, owner, chat_id, ids)}
    documents = [first, *(found[each] for each in ids if each in found)]
    return Branch(tuple(await whole(db, owner, documents)), depth, pack_cursor(parent) if parent is not None else None)


async def _by_ids(db: Scope, owner: OwnerId, chat_id: ChatId, ids: Sequence[str]) -> list[Document]:
    if not ids:
        return []
    return await db.find("messages", {**by_ids(owner, ids), "chat_id": chat_id})


async def whole(db: Scope, owner: OwnerId, documents: Iterable[Document]) -> list[Message]:
    """Return messages, running ones joined with their segments; those that were deleted meanwhile are left out.

    Segments go away when their run ends, and no session holds still what it reads. So running messages are read once
    more after their segments: one whose run goes on had all its segments there; another is looked at anew.
    """
    messages = [message_of(document) for document in documents]
    settled = {message.id: message for message in messages if message.status not in RUNNING}
    running = {message.id: message for message in messages if message.status in RUNNING}
    while running:
        segments = await segments_of(db, owner, [message.run_id for message in running.values()])
        again = await db.find("messages", by_ids(owner, running))
        now = {message.id: message for message in map(message_of, again)}
        same = {each.id for each in now.values() if _same(each, running[each.id])}
        settled |= {each.id: joined(each, segments[each.run_id]) for each in now.values() if each.id in same}
        settled |= {each.id: each for each in now.values() if each.status not in RUNNING}
        running = {each.id: each for each in now.values() if each.id not in settled}
    return [settled[message.id] for message in messages if message.id in settled]


def _same(now: Message, before: Message) -> bool:
    """Whether a message still waits for the same segments: neither ended, nor continued, nor taken up by a new owner."""
    return now.status in RUNNING and (now.run_id, now.seq) == (before.run_id, before.seq)


async def segments_of(
    db: Scope, owner: OwnerId, runs: Sequence[RunId | None], after: int = 0
) -> defaultdict[str | None, list[Segment]]:
    """Return the segments of each run in order."""
    found = await db.find("segments", {"owner_id": owner, "run_id": {"$in": list(runs)}, "seq": {"$gt": after}})
    by_run = defaultdict[str | None, list[Segment]](list)
    for segment in sorted(map(segment_of, found), key=lambda each: (each.seq, each.part)):
        by_run[segment.run_id].append(segment)
    return by_run
