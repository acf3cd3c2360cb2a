"""The audit in SQLite: jobs for the store's threads."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from jupyter_aichat.domain.audit import AuditQuery, AuditRecord
from jupyter_aichat.domain.page import Page
from jupyter_aichat.stores.cursors import pack_cursor, unpack_cursor
from jupyter_aichat.stores.sqlite_rows import encode

_record_of = msgspec.json.Decoder(AuditRecord).decode


def append(db: sqlite3.Connection, record: AuditRecord) -> None:
    """See `AccountStore.append_audit`."""
    db.execute("INSERT INTO audit (actor, subject, action, body) VALUES (?, ?, ?, ?)",
               (record.actor, record.subject, record.action, encode(record)))  # fmt: skip


def listed(db: sqlite3.Connection, query: AuditQuery) -> Page[AuditRecord]:
    """See `AccountStore.list_audit`."""
    where, values = ["1"], list[Any]()
    if query.account is not None:
        where.append("? IN (actor, subject)")
        values.append(query.account)
    if query.action is not None:
        where.append("action = ?")
        values.append(query.action)
    if query.cursor is not None:
        where.append("n < ?")
        values += unpack_cursor(query.cursor, int)
    rows = db.execute(
        f"SELECT n, body FROM audit WHERE {' AND '.join(where)} ORDER BY n DESC LIMIT ?", (*values, query.limit + 1)
    ).fetchall()
    more, rows = len(rows) > query.limit, rows[: query.limit]
    return Page(tuple(_record_of(body) for _, body in rows), pack_cursor(rows[-1][0]) if more else None)
