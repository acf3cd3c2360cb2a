"""Shares in the SQLite file: see `stores.shares`. Each method is a job of the store's threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import ChatId, OwnerId, ShareId
from jupyter_aichat.domain.page import Page
from jupyter_aichat.domain.share import Share
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.cursors import ms_of, pack_cursor, unpack_cursor
from jupyter_aichat.stores.rules import check_shares, newest
from jupyter_aichat.stores.sqlite_accounts import Ask
from jupyter_aichat.stores.sqlite_rows import encode, get_chat

_share_of = msgspec.json.Decoder(Share).decode


class SqliteShares:
    """A `ShareStore` on the file of a `SqliteStore`."""

    def __init__(self, read: Ask, write: Ask) -> None:
        self._read, self._write = read, write

    async def create_share(self, share: Share, most: int) -> None:
        """See `ShareStore.create_share`."""
        await self._write(lambda db: _create(db, share, most))

    async def find_share(self, share_hash: str) -> Share | None:
        """See `ShareStore.find_share`."""
        found = await self._read(lambda db: _all(db, "hash = ?", share_hash))
        return found[0] if found else None

    async def shares(self, shares: Sequence[ShareId]) -> tuple[Share, ...]:
        """See `ShareStore.shares`."""
        wanted = msgspec.json.encode(list(shares)).decode()
        return await self._read(lambda db: _all(db, "id IN (SELECT value FROM json_each(?))", wanted))

    async def shares_of(self, owner: OwnerId, chat_id: ChatId) -> tuple[Share, ...]:
        """See `ShareStore.shares_of`."""
        return newest(await self._read(lambda db: _all(db, "owner_id = ? AND chat_id = ?", owner, chat_id)))

    async def shared_with(self, reader: OwnerId, cursor: str | None, limit: int) -> Page[Share]:
        """See `ShareStore.shared_with`."""
        return await self._read(lambda db: _listed(db, reader, cursor, limit))

    async def delete_share(self, owner: OwnerId, chat_id: ChatId, share: ShareId) -> bool:
        """See `ShareStore.delete_share`."""
        return await self._write(lambda db: _delete(db, owner, chat_id, share))


def _all(db: sqlite3.Connection, where: str, *values: str) -> tuple[Share, ...]:
    return tuple(_share_of(body) for (body,) in db.execute(f"SELECT body FROM shares WHERE {where}", values))


def _create(db: sqlite3.Connection, share: Share, most: int) -> None:
    """Those of the chat that are over go by the way."""
    get_chat(db, share.owner_id, share.chat_id)
    if share.reader_id is not None:
        reader = db.execute("SELECT 1 FROM accounts WHERE owner_id = ?", (share.reader_id,)).fetchone()
        if reader is None:
            raise NotFound("There is no such account.")
    here = (share.owner_id, share.chat_id)
    db.execute("DELETE FROM shares WHERE owner_id = ? AND chat_id = ? AND expires_ms < ?", (*here, ms_of(now())))
    check_shares(db.execute("SELECT count(*) FROM shares WHERE owner_id = ? AND chat_id = ?", here).fetchone()[0], most)
    db.execute(
        "INSERT INTO shares (id, owner_id, chat_id, reader_id, hash, created_ms, expires_ms, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (share.id, *here, share.reader_id, share.hash, ms_of(share.created_at),
         None if share.expires_at is None else ms_of(share.expires_at), encode(share)),
    )  # fmt: skip


def _listed(db: sqlite3.Connection, reader: OwnerId, cursor: str | None, limit: int) -> Page[Share]:
    where, values = "reader_id = ?", [reader]
    if cursor is not None:
        where += " AND (created_ms, id) < (?, ?)"
        values += unpack_cursor(cursor, int, str)
    rows = db.execute(
        f"SELECT created_ms, id, body FROM shares WHERE {where} ORDER BY created_ms DESC, id DESC LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    return Page(tuple(_share_of(row[2]) for row in rows), pack_cursor(*rows[-1][:2]) if more else None)


def _delete(db: sqlite3.Connection, owner: OwnerId, chat_id: ChatId, share: ShareId) -> bool:
    found = db.execute("DELETE FROM shares WHERE id = ? AND owner_id = ? AND chat_id = ?", (share, owner, chat_id))
    return found.rowcount == 1
