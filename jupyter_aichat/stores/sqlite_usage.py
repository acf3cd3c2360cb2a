"""What people used, in SQLite: see `stores.usage`."""

from __future__ import annotations

import sqlite3
import time

from jupyter_aichat.domain.ids import OwnerId, RunId
from jupyter_aichat.domain.page import Page
from jupyter_aichat.domain.usage import Charge, UsageQuery, UsageRecord
from jupyter_aichat.stores.cursors import pack_cursor, unpack_cursor
from jupyter_aichat.stores.sqlite_accounts import Ask

KEPT_S = 24 * 3600
_COLUMNS = "owner_id, day, model, prompt_tokens, completion_tokens, ms, runs"


class SqliteUsage:
    """A `UsageStore` on the file of a `SqliteStore`."""

    def __init__(self, read: Ask) -> None:
        self._read = read

    async def used(self, owner: OwnerId, since: str) -> tuple[UsageRecord, ...]:
        """See `UsageStore.used`."""

        def job(db: sqlite3.Connection) -> tuple[UsageRecord, ...]:
            rows = db.execute(f"SELECT {_COLUMNS} FROM usage WHERE owner_id = ? AND day >= ?", (owner, since))
            return tuple(UsageRecord(*row) for row in rows)

        return await self._read(job)

    async def list_usage(self, query: UsageQuery) -> Page[UsageRecord]:
        """See `UsageStore.list_usage`."""
        return await self._read(lambda db: _listed(db, query))


def add(db: sqlite3.Connection, owner: OwnerId, charge: Charge) -> None:
    """Add a run's charge to its owner's; inside the transaction of its end."""
    db.execute(
        f"INSERT INTO usage ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET"
        " prompt_tokens = prompt_tokens + excluded.prompt_tokens,"
        " completion_tokens = completion_tokens + excluded.completion_tokens, ms = ms + excluded.ms, runs = runs + 1",
        (owner, charge.day, charge.model, charge.prompt_tokens, charge.completion_tokens, charge.ms),
    )


def add_of_gone(db: sqlite3.Connection, owner: OwnerId, run_id: RunId, charge: Charge) -> None:
    """Add the charge of a run whose chat was deleted while it went on; where its owner is gone too, nothing is left behind.

    There is no run any more that says whether it has ended. So that it is charged once, that is kept for a day.
    """
    if db.execute("SELECT 1 FROM accounts WHERE owner_id = ?", (owner,)).fetchone() is None:
        return
    at_ms = round(time.time() * 1000)
    db.execute("DELETE FROM charged WHERE at_ms < ?", (at_ms - KEPT_S * 1000,))
    if db.execute("INSERT OR IGNORE INTO charged VALUES (?, ?, ?)", (owner, run_id, at_ms)).rowcount == 1:
        add(db, owner, charge)


def _listed(db: sqlite3.Connection, query: UsageQuery) -> Page[UsageRecord]:
    clauses, values = ["day BETWEEN ? AND ?"], [query.since, query.until]
    if query.owner_id is not None:
        clauses.append("owner_id = ?")
        values.append(query.owner_id)
    if query.cursor is not None:
        clauses.append("(day, owner_id, model) < (?, ?, ?)")
        values += unpack_cursor(query.cursor, str, str, str)
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM usage WHERE {' AND '.join(clauses)} ORDER BY day DESC, owner_id DESC, model DESC LIMIT ?",
        (*values, query.limit + 1),
    ).fetchall()
    found = tuple(UsageRecord(*row) for row in rows[: query.limit])
    more = len(rows) > query.limit
    return Page(found, pack_cursor(found[-1].day, found[-1].owner_id, found[-1].model) if more else None)
