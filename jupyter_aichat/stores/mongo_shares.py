"""Shares in MongoDB: see `stores.shares`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from jupyter_aichat.domain.ids import ChatId, OwnerId, ShareId
from jupyter_aichat.domain.page import Page
from jupyter_aichat.domain.share import Share
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.cursors import at_of, ms_of, pack_cursor, unpack_cursor
from jupyter_aichat.stores.mongo_base import Database, Document, Scope, by_id
from jupyter_aichat.stores.mongo_documents import builtins
from jupyter_aichat.stores.rules import check_shares, newest

_ORDER = (("created_at", -1), ("id", -1))


class MongoShares:
    """A `ShareStore` on the database of a `MongoStore`."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database

    async def create_share(self, share: Share, most: int) -> None:
        """See `ShareStore.create_share`."""
        await self._database().transaction(lambda db: _create(db, share, most))

    async def find_share(self, share_hash: str) -> Share | None:
        """See `ShareStore.find_share`."""
        found = await self._database().reads().find_one("shares", {"hash": share_hash})
        return None if found is None else _share_of(found)

    async def shares(self, shares: Sequence[ShareId]) -> tuple[Share, ...]:
        """See `ShareStore.shares`."""
        return await self._all({"_id": {"$in": list(shares)}})

    async def shares_of(self, owner: OwnerId, chat_id: ChatId) -> tuple[Share, ...]:
        """See `ShareStore.shares_of`."""
        return newest(await self._all({"owner_id": owner, "chat_id": chat_id}))

    async def _all(self, query: Document) -> tuple[Share, ...]:
        return tuple(map(_share_of, await self._database().reads().find("shares", query)))

    async def shared_with(self, reader: OwnerId, cursor: str | None, limit: int) -> Page[Share]:
        """See `ShareStore.shared_with`."""
        query: Document = {"reader_id": reader}
        if cursor is not None:
            created_ms, share_id = unpack_cursor(cursor, int, str)
            created_at = at_of(created_ms)
            query["$or"] = [{"created_at": {"$lt": created_at}}, {"created_at": created_at, "id": {"$lt": share_id}}]
        found = await self._database().reads().find("shares", query, sort=_ORDER, limit=limit + 1)
        shares = tuple(map(_share_of, found[:limit]))
        more = len(found) > limit
        return Page(shares, pack_cursor(ms_of(shares[-1].created_at), shares[-1].id) if more else None)

    async def delete_share(self, owner: OwnerId, chat_id: ChatId, share: ShareId) -> bool:
        """See `ShareStore.delete_share`."""
        this = {"_id": share, "owner_id": owner, "chat_id": chat_id}
        return await self._database().reads().delete("shares", this) == 1


def _share_of(document: Document) -> Share:
    return msgspec.convert(document, Share)


async def _create(db: Scope, share: Share, most: int) -> None:
    """In a transaction, which writes chat and reader: neither can go meanwhile, and of two at once one waits."""
    if not await db.update("chats", by_id(share.owner_id, share.chat_id), {"$inc": {"shares_made": 1}}):
        raise NotFound("There is no such chat.")
    if share.reader_id is not None and not await db.update(
        "accounts", {"_id": share.reader_id}, {"$inc": {"shares_got": 1}}
    ):
        raise NotFound("There is no such account.")
    here = {"owner_id": share.owner_id, "chat_id": share.chat_id}
    check_shares(len(await db.find("shares", here, {"_id": 1}, limit=most)), most)
    await db.insert("shares", [{"_id": share.id, **builtins(share)}])
