"""The rows of each kind of record, and back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.audit import AuditRecord
from jupyter_aichat.domain.credential import Invitation, PersonalToken, Session
from jupyter_aichat.domain.record import KINDS, KeptChat, KeptKey, KeptMessage, Kind, Mark, Record, Remains
from jupyter_aichat.domain.run import RunRecord, Segment
from jupyter_aichat.domain.share import Share
from jupyter_aichat.domain.usage import UsageRecord
from jupyter_aichat.stores.cursors import at_of, ms_of
from jupyter_aichat.stores.sqlite_people import put_groups
from jupyter_aichat.stores.sqlite_rows import (
    RUN_COLUMNS,
    chat_of,
    encode,
    insert_message,
    keep_count,
    message_of,
    put_chat,
    put_record,
    record_of,
)

TABLES: Mapping[Kind, str] = {**{kind: str(kind) for kind in KINDS}, "keys": "idempotency"}

_KEY_COLUMNS = "owner_id, key, fingerprint, chat_id, run_id, chat_created, deleted_ms"
_USAGE_COLUMNS = "owner_id, day, model, prompt_tokens, completion_tokens, ms, runs"

SELECTS: Mapping[Kind, str] = {
    "marks": "SELECT name FROM marks WHERE name NOT LIKE 'copy:%' ORDER BY name",
    "accounts": "SELECT body FROM accounts ORDER BY owner_id",
    "invitations": "SELECT body FROM invitations ORDER BY id",
    "sessions": "SELECT body FROM sessions ORDER BY id",
    "tokens": "SELECT body FROM tokens ORDER BY id",
    "chats": "SELECT owner_id, counter, body, came_ms FROM chats ORDER BY owner_id, id",
    "messages": "SELECT owner_id, depth, body FROM messages ORDER BY owner_id, chat_id, n",
    "runs": f"SELECT {RUN_COLUMNS} FROM runs ORDER BY owner_id, id",
    "segments": "SELECT body FROM segments ORDER BY owner_id, run_id, seq, part",
    "keys": f"SELECT {_KEY_COLUMNS} FROM idempotency ORDER BY owner_id, key",
    "shares": "SELECT body FROM shares ORDER BY id",
    "usage": f"SELECT {_USAGE_COLUMNS} FROM usage ORDER BY owner_id, day, model",
    "audit": "SELECT body FROM audit ORDER BY n",
    "remains": "SELECT owner_id, chat_id FROM remains ORDER BY owner_id, chat_id",
}


_READERS: Mapping[Kind, Callable[..., Record]] = {
    "marks": Mark,
    "chats": lambda owner, counter, body, came_ms: KeptChat(owner, counter, chat_of(body), _moment(came_ms)),
    "messages": lambda owner, depth, body: KeptMessage(owner, depth, message_of(body)),
    "runs": lambda *row: record_of(row),
    "keys": lambda *row: _key(row),
    "usage": UsageRecord,
    "remains": Remains,
    "shares": lambda body: _whole_ms(msgspec.json.decode(body, type=Share)),
}
"""How to read the kinds that are more than their ``body``."""


def record_of_row(kind: Kind, row: Sequence[Any]) -> Record:
    """Return the record of a row of `SELECTS`."""
    read = _READERS.get(kind)
    return msgspec.json.decode(row[0], type=KINDS[kind]) if read is None else read(*row)


def _key(row: tuple[Any, ...]) -> KeptKey:
    owner, key, fingerprint, chat_id, run_id, created, deleted_ms = row
    return KeptKey(owner, key, fingerprint, chat_id, run_id, bool(created), _moment(deleted_ms))


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else at_of(ms)


def _whole_ms(share: Share) -> Share:
    """The end of a share is as exact as its maker said it; other stores keep milliseconds."""
    return msgspec.structs.replace(share, expires_at=share.expires_at and at_of(ms_of(share.expires_at)))


def insert(db: sqlite3.Connection, records: Sequence[Record]) -> None:
    """Write records of one kind or several."""
    for record in records:
        _insert(db, record)


def _insert(db: sqlite3.Connection, record: Record) -> None:
    match record:
        case KeptChat():
            put_chat(db, record.owner_id, record.chat)
            keep_count(db, record.owner_id, record.chat.id, record.counter, record.came_at)
        case KeptMessage():
            insert_message(db, record.owner_id, record.message, record.depth)
        case RunRecord():
            put_record(db, record)
        case KeptKey():
            _insert_key(db, record)
        case Account():
            _insert_columns(db, record)
            put_groups(db, record)
        case _:
            _insert_columns(db, record)


def _insert_key(db: sqlite3.Connection, record: KeptKey) -> None:
    """A key also names its question, which is the message above the one that its run fills."""
    question = db.execute(
        "SELECT m.parent_id FROM runs r JOIN messages m ON m.owner_id = r.owner_id"
        " AND m.id = json_extract(CAST(r.body AS TEXT), '$.run.message_id') WHERE r.owner_id = ? AND r.id = ?",
        (record.owner_id, record.run_id),
    ).fetchone()
    db.execute(
        f"INSERT INTO idempotency ({_KEY_COLUMNS}, message_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (record.owner_id, record.key, record.fingerprint, record.chat_id, record.run_id, record.chat_created,
         None if record.deleted_at is None else ms_of(record.deleted_at), (question and question[0]) or ""),
    )  # fmt: skip


def _insert_columns(db: sqlite3.Connection, record: Record) -> None:
    table, columns = _COLUMNS[type(record)]
    values = [_column(record, name) for name in columns]
    db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(values))})", values)


_COLUMNS: Mapping[type[Record], tuple[str, tuple[str, ...]]] = {
    Mark: ("marks", ("name",)),
    Account: ("accounts", ("owner_id", "folded_name", "body")),
    Invitation: ("invitations", ("id", "hash", "expires_ms", "body")),
    Session: ("sessions", ("id", "owner_id", "expires_ms", "body")),
    PersonalToken: ("tokens", ("id", "owner_id", "hash", "body")),
    Segment: ("segments", ("owner_id", "run_id", "seq", "part", "body")),
    Share: ("shares", ("id", "owner_id", "chat_id", "reader_id", "hash", "created_ms", "expires_ms", "body")),
    UsageRecord: ("usage", UsageRecord.__struct_fields__),
    Remains: ("remains", Remains.__struct_fields__),
    AuditRecord: ("audit", ("actor", "subject", "action", "body")),
}
"""The columns of the kinds whose values are kept whole."""


def _column(record: Record, name: str) -> object:
    """What stands in a column: a field by its name, a moment in milliseconds, or all of it."""
    if name == "body":
        return encode(record)
    if name.endswith("_ms"):
        at = getattr(record, f"{name.removesuffix('_ms')}_at")
        return None if at is None else ms_of(at)
    if isinstance(record, Account) and name == "owner_id":
        return record.id
    return getattr(record, name)
