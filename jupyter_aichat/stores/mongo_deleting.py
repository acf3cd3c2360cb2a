"""Deleting chats in MongoDB, and all that an owner has: in portions, because no transaction could hold much.

A small chat goes in one transaction. Of a large one the transaction takes the chat itself, its shares and the runs under way, so that
nobody finds it any more and nothing comes to it, and notes it among the ``remains``; the rest goes in portions afterwards, by
whoever finds the note.
"""

from __future__ import annotations

from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import ChatId, OwnerId, RunId
from jupyter_aichat.domain.retention import Outdated
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.mongo_base import Document, Scope, by_id
from jupyter_aichat.stores.mongo_chats import is_outdated
from jupyter_aichat.stores.rules import PORTION


async def delete_chat(db: Scope, owner: OwnerId, chat_id: ChatId, only: Outdated | None = None) -> tuple[RunId, ...]:
    """See `Store.delete_chat`; in a transaction. Runs that have ended have no segments any more."""
    condition: Document = {} if only is None else is_outdated(only)
    chat = await db.find_one("chats", {**by_id(owner, chat_id), **condition}, {"counter": 1})
    if chat is None or not await db.delete("chats", {**by_id(owner, chat_id), **condition}):
        raise NotFound("There is no such chat.")
    of_chat = {"owner_id": owner, "chat_id": chat_id}
    running = [run["id"] for run in await db.find("runs", {**of_chat, "active": True}, {"id": 1})]
    await db.delete("segments", {"owner_id": owner, "run_id": {"$in": running}})
    await db.delete("shares", of_chat)
    if chat["counter"] > PORTION:
        await db.delete("runs", {**of_chat, "active": True})
        await db.insert("remains", [{**by_id(owner, chat_id), "chat_id": chat_id}])
    else:
        await db.delete("runs", of_chat)
        await db.delete("messages", of_chat)
        await db.update_all("keys", of_chat, {"$set": {"deleted_at": now()}})
    return tuple(map(RunId, running))


async def clear(db: Scope) -> bool:
    """See `Store.clear`; each command is kept on its own."""
    found = await db.find("remains", {}, limit=1)
    for note in found:
        owner, of_chat = note["owner_id"], {"owner_id": note["owner_id"], "chat_id": note["chat_id"]}
        for collection in ("messages", "runs"):
            if await delete_some(db, collection, owner, of_chat):
                return True
        if not await _mark_keys(db, owner, of_chat):
            await db.delete("remains", by_id(owner, note["chat_id"]))
    return bool(found)


async def delete_some(db: Scope, collection: str, owner: str, query: Document) -> bool:
    """Delete a portion of what matches, of one owner; return whether there may be more."""
    ids = [each["_id"] for each in await db.find(collection, query, {"_id": 1}, limit=PORTION)]
    if ids:
        await db.delete(collection, {"owner_id": owner, "_id": {"$in": ids}})
    return len(ids) == PORTION


async def _mark_keys(db: Scope, owner: str, of_chat: Document) -> bool:
    """Let a portion of the keys say that their chat is gone; return whether there may be more."""
    keys = await db.find("keys", {**of_chat, "deleted_at": None}, {"_id": 1}, limit=PORTION)
    if keys:
        these = {"owner_id": owner, "_id": {"$in": [each["_id"] for each in keys]}}
        await db.update_all("keys", these, {"$set": {"deleted_at": now()}})
    return len(keys) == PORTION
