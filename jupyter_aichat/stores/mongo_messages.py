"""Messages in MongoDB: reading them, alone, in pages and by branches."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
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
_HEAD = {"parts": 0}
_LINES_KEPT = 1000


async def find_message(db: Scope, owner: OwnerId, chat_id: str, message_id: str) -> Document:
    """Return a message's document or raise `NotFound`."""
    found = await db.find_one("messages", {**by_id(owner, message_id), "chat_id": chat_id})
    if found is None:
        raise NotFound("There is no such message.")
    return found


async def find_head(db: Scope, owner: OwnerId, chat_id: str, message_id: str) -> Document:
    """Return a message's document without its parts, which may be long, or raise `NotFound`."""
    found = await db.find_one("messages", {**by_id(owner, message_id), "chat_id": chat_id}, _HEAD)
    if found is None:
        raise NotFound("There is no such message.")
    return {**found, "parts": []}


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


class Lines:
    """Which questions this process committed lately end the only branch of their chat, and how long that is.

    Their answers then need not ask where they stand. What is remembered is looked at again when it is used.
    """

    def __init__(self) -> None:
        self._lengths: OrderedDict[str, int] = OrderedDict()

    def note(self, message: Message, depth: int) -> None:
        """Remember a question that has so many messages up to its root, itself included, if those are all there are."""
        if message.n == depth:
            self._lengths[message.id] = depth
            if len(self._lengths) > _LINES_KEPT:
                self._lengths.popitem(last=False)

    def length(self, message_id: str) -> int | None:
        """Return how many messages a branch has that is known to be the only one up to this message."""
        return self._lengths.get(message_id)


async def branch(
    db: Scope, owner: OwnerId, chat_id: ChatId, leaf: MessageId, *, cursor: str | None, limit: int, lines: Lines
) -> Branch[Message]:
    """Return a page of a branch in one to three questions, however long it is."""
    start = unpack_cursor(cursor, str)[0] if cursor is not None else leaf
    depth = lines.length(start)
    documents = None if depth is None else await _line(db, owner, chat_id, start, depth, limit=limit)
    if documents is None:
        first = await find_message(db, owner, chat_id, start)
        depth = first["depth"]
        if first["n"] == depth:
            documents = await _line(db, owner, chat_id, first["parent_id"], depth - 1, limit=limit - 1)
        above = await _above(db, owner, chat_id, first, limit) if documents is None else documents
        documents = [first, *above]
    assert depth is not None
    parent = documents[-1]["parent_id"]
    return Branch(tuple(await whole(db, owner, documents)), depth, pack_cursor(parent) if parent is not None else None)


async def _line(
    db: Scope, owner: OwnerId, chat_id: ChatId, start: str | None, length: int, *, limit: int
) -> list[Document] | None:
    """Return a page of the branch up to a message that has as many messages as ``n`` counts: then none stands beside it.

    None where it is not so after all.
    """
    if start is None or limit < 1:
        return []
    wanted = {"owner_id": owner, "chat_id": chat_id, "n": {"$gt": length - limit, "$lte": length}}
    found = await db.find("messages", wanted, sort=[("n", -1)])
    expected = [start, *(each["parent_id"] for each in found)][: min(length, limit)]
    return found if [each["id"] for each in found] == expected else None


async def _above(db: Scope, owner: OwnerId, chat_id: ChatId, first: Document, limit: int) -> list[Document]:
    """Return what stands above a message in a chat of several branches: who that is, then their texts.

    Who stands above is read from an index alone: all messages of the chat at these depths.
    """
    if limit <= 1:
        return []
    depths = {"$gt": first["depth"] - limit, "$lt": first["depth"]}
    at_these = {"owner_id": owner, "chat_id": chat_id, "depth": depths}
    parents = {each["id"]: each["parent_id"] for each in await db.find("messages", at_these, _SKELETON)}
    ids: list[str] = []
    parent = first["parent_id"]
    while parent in parents:
        ids.append(parent)
        parent = parents[parent]
    found = {each["id"]: each for each in await _by_ids(db, owner, chat_id, ids)}
    return [found[each] for each in ids if each in found]


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
