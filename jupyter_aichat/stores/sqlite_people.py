"""Accounts in SQLite: jobs for the store's threads. One thread writes, in transactions: what is read there stays so."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from jupyter_aichat.domain.account import Account, AccountChanges, AccountQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, RunId, SessionId
from jupyter_aichat.domain.page import Page
from jupyter_aichat.errors import Forbidden, LastAdministrator, NameTaken
from jupyter_aichat.stores.cursors import pack_cursor, unpack_cursor
from jupyter_aichat.stores.rules import LAST_CHARACTER, NOT_FIRST, changed
from jupyter_aichat.stores.sqlite_credentials import end_other_sessions, keep_session, use_invitation
from jupyter_aichat.stores.sqlite_deleting import leave_chats
from jupyter_aichat.stores.sqlite_rows import encode

_account_of = msgspec.json.Decoder(Account).decode

OWNED = (
    "chats",
    "messages",
    "runs",
    "remains",
    "segments",
    "idempotency",
    "sessions",
    "tokens",
    "shares",
    "usage",
    "memberships",
    "charged",
)
"""The tables of what people own, beside their accounts."""
_IN_PORTIONS = ("messages", "runs", "remains")


def create(db: sqlite3.Connection, account: Account, *, invitation_hash: str | None, first_admin: bool) -> Account:
    """See `AccountStore.create_account`."""
    if invitation_hash is not None:
        roles = use_invitation(db, invitation_hash, account.created_at).roles
        account = msgspec.structs.replace(account, roles=roles)
    if first_admin and db.execute("INSERT OR IGNORE INTO marks (name) VALUES ('first_admin')").rowcount != 1:
        raise Forbidden(NOT_FIRST)
    added = db.execute("INSERT OR IGNORE INTO accounts (owner_id, folded_name, body) VALUES (?, ?, ?)",
                       (account.id, account.folded_name, encode(account)))  # fmt: skip
    if added.rowcount != 1:
        raise NameTaken
    put_groups(db, account)
    return account


def find(db: sqlite3.Connection, folded_name: str) -> Account | None:
    """See `AccountStore.find_account`."""
    row = db.execute("SELECT body FROM accounts WHERE folded_name = ?", (folded_name,)).fetchone()
    return None if row is None else _account_of(row[0])


def of(db: sqlite3.Connection, owners: Sequence[OwnerId]) -> tuple[Account, ...]:
    """See `AccountStore.accounts`."""
    wanted = msgspec.json.encode(list(owners)).decode()
    rows = db.execute("SELECT body FROM accounts WHERE owner_id IN (SELECT value FROM json_each(?))", (wanted,))
    return tuple(_account_of(body) for (body,) in rows)


def listed(db: sqlite3.Connection, query: AccountQuery) -> Page[Account]:
    """See `AccountStore.list_accounts`."""
    where, values = ["folded_name >= ?", "folded_name < ?"], [query.prefix, query.prefix + LAST_CHARACTER]
    if query.group is not None:
        where.append("owner_id IN (SELECT owner_id FROM memberships WHERE name = ?)")
        values.append(query.group)
    if query.cursor is not None:
        where.append("folded_name > ?")
        values += unpack_cursor(query.cursor, str)
    rows = db.execute(
        f"SELECT body FROM accounts WHERE {' AND '.join(where)} ORDER BY folded_name LIMIT ?",
        (*values, query.limit + 1),
    ).fetchall()
    found = tuple(_account_of(body) for (body,) in rows[: query.limit])
    return Page(found, pack_cursor(found[-1].folded_name) if len(rows) > query.limit else None)


def groups(db: sqlite3.Connection) -> tuple[tuple[str, int], ...]:
    """See `AccountStore.groups`."""
    return tuple(db.execute("SELECT name, count(*) FROM memberships GROUP BY name ORDER BY name"))


def put_groups(db: sqlite3.Connection, account: Account) -> None:
    """Write which groups an account is in, in place of those it was in."""
    db.execute("DELETE FROM memberships WHERE owner_id = ?", (account.id,))
    db.executemany("INSERT INTO memberships (name, owner_id) VALUES (?, ?)", [(g, account.id) for g in account.groups])


def change(
    db: sqlite3.Connection, owner: OwnerId, changes: AccountChanges, *, if_hash: str | None, keep: SessionId | None
) -> Account | None:
    """See `AccountStore.change_account`."""
    found = of(db, [owner])
    if not found or (if_hash is not None and found[0].password_hash != if_hash):
        return None
    account = changed(found[0], changes, now())
    if found[0].administers and not account.administers and not _has_other_administrator(db, owner):
        raise LastAdministrator
    db.execute("UPDATE accounts SET body = ? WHERE owner_id = ?", (encode(account), owner))
    if account.groups != found[0].groups:
        put_groups(db, account)
    if keep is not None:
        keep_session(db, keep, found[0], account.stamp)
    if changes.disabled is True:
        db.execute("UPDATE runs SET stop_requested = 1 WHERE owner_id = ? AND active = 1", (owner,))
    return account


def _has_other_administrator(db: sqlite3.Connection, owner: OwnerId) -> bool:
    """Whether one is left; few accounts have the word in them, and it is asked for when one goes."""
    rows = db.execute("SELECT body FROM accounts WHERE owner_id <> ? AND instr(body, ?)", (owner, b'"admin"'))
    return any(_account_of(body).administers for (body,) in rows)


def end_sessions(db: sqlite3.Connection, owner: OwnerId) -> None:
    """See `AccountStore.end_sessions`."""
    found = of(db, [owner])
    end_other_sessions(db, owner, found[0].stamp if found else None)


def delete(db: sqlite3.Connection, owner: OwnerId) -> tuple[RunId, ...]:
    """Delete an account and all it has but messages and runs that have ended, which are left for `sqlite_deleting.clear`."""
    running = leave_chats(db, owner)
    for table in (*(each for each in OWNED if each not in _IN_PORTIONS), "accounts"):
        db.execute(f"DELETE FROM {table} WHERE owner_id = ?", (owner,))
    db.execute("DELETE FROM shares WHERE reader_id = ?", (owner,))
    return running
