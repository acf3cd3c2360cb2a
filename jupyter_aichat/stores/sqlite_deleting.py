"""Deleting chats in SQLite, and all that an owner has: in portions, because all that is written waits for the one writer.

What is deleted of a large chat at once, and what is left, is as in `mongo_deleting`.
"""

from __future__ import annotations

import sqlite3

from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import ChatId, OwnerId, RunId
from jupyter_aichat.domain.retention import Outdated
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.cursors import ms_of
from jupyter_aichat.stores.rules import PORTION
from jupyter_aichat.stores.sqlite_chats import OUTDATED, outdated_values

_KEY_LIVES_MS = 24 * 3600 * 1000


def delete_chat(
    db: sqlite3.Connection, owner: OwnerId, chat_id: ChatId, only: Outdated | None = None
) -> tuple[RunId, ...]:
    """See `Store.delete_chat`."""
    condition, values = ("1", ()) if only is None else (OUTDATED, outdated_values(only))
    chat = db.execute(
        f"DELETE FROM chats WHERE owner_id = ? AND id = ? AND {condition} RETURNING counter", (owner, chat_id, *values)
    ).fetchone()
    if chat is None:
        raise NotFound("There is no such chat.")
    this = (owner, chat_id)
    running = db.execute("SELECT id FROM runs WHERE owner_id = ? AND chat_id = ? AND active = 1", this).fetchall()
    db.executemany("DELETE FROM segments WHERE owner_id = ? AND run_id = ?", [(owner, run_id) for (run_id,) in running])
    db.execute("DELETE FROM shares WHERE owner_id = ? AND chat_id = ?", this)
    if chat[0] > PORTION:
        db.execute("DELETE FROM runs WHERE owner_id = ? AND chat_id = ? AND active = 1", this)
        db.execute("INSERT OR IGNORE INTO remains (owner_id, chat_id) VALUES (?, ?)", this)
    else:
        for table in ("messages", "runs"):
            db.execute(f"DELETE FROM {table} WHERE owner_id = ? AND chat_id = ?", this)
        db.execute("UPDATE idempotency SET deleted_ms = ? WHERE owner_id = ? AND chat_id = ?", (ms_of(now()), *this))
    db.execute("DELETE FROM idempotency WHERE deleted_ms < ?", (ms_of(now()) - _KEY_LIVES_MS,))
    return tuple(RunId(run_id) for (run_id,) in running)


def has_remains(db: sqlite3.Connection) -> bool:
    """Whether something is left of deleted chats."""
    return db.execute("SELECT 1 FROM remains LIMIT 1").fetchone() is not None


def clear(db: sqlite3.Connection, owner: OwnerId | None = None) -> bool:
    """See `Store.clear`; of one owner's chats, or of anybody's."""
    one = ("1", ()) if owner is None else ("owner_id = ?", (owner,))
    this = db.execute(f"SELECT owner_id, chat_id FROM remains WHERE {one[0]} LIMIT 1", one[1]).fetchone()
    if this is None:
        return False
    if not any(_delete_some(db, table, this) for table in ("messages", "runs")) and not _mark_keys(db, this):
        db.execute("DELETE FROM remains WHERE owner_id = ? AND chat_id = ?", this)
    return True


def leave_chats(db: sqlite3.Connection, owner: OwnerId) -> tuple[RunId, ...]:
    """Note all chats of an owner among the remains, before they are deleted; return the runs under way, which are deleted."""
    db.execute(
        "INSERT OR IGNORE INTO remains (owner_id, chat_id) SELECT owner_id, id FROM chats WHERE owner_id = ?", (owner,)
    )
    running = db.execute("DELETE FROM runs WHERE owner_id = ? AND active = 1 RETURNING id", (owner,)).fetchall()
    return tuple(RunId(run_id) for (run_id,) in running)


def _delete_some(db: sqlite3.Connection, table: str, this: tuple[str, str]) -> bool:
    """Delete a portion of a chat's rows; return whether there may be more."""
    rows = db.execute(f"SELECT id FROM {table} WHERE owner_id = ? AND chat_id = ? LIMIT {PORTION}", this).fetchall()
    db.executemany(f"DELETE FROM {table} WHERE owner_id = ? AND id = ?", [(this[0], found) for (found,) in rows])
    return len(rows) == PORTION


def _mark_keys(db: sqlite3.Connection, this: tuple[str, str]) -> bool:
    """Let a portion of the keys say that their chat is gone; return whether there may be more."""
    which = "owner_id = ? AND chat_id = ? AND deleted_ms IS NULL"
    rows = db.execute(f"SELECT key FROM idempotency WHERE {which} LIMIT {PORTION}", this).fetchall()
    at_ms = ms_of(now())
    marks = [(at_ms, this[0], key) for (key,) in rows]
    db.executemany("UPDATE idempotency SET deleted_ms = ? WHERE owner_id = ? AND key = ?", marks)
    return len(rows) == PORTION
