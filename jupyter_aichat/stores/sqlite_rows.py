"""Rows and the values they hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.ids import OwnerId, RunId
from jupyter_aichat.domain.message import RUNNING, Message
from jupyter_aichat.domain.run import ENDED, RunRecord, Segment
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.cursors import ms_of
from jupyter_aichat.stores.rules import joined, searchable

encode = msgspec.json.Encoder().encode
chat_of = msgspec.json.Decoder(Chat).decode
message_of = msgspec.json.Decoder(Message).decode
segment_of = msgspec.json.Decoder(Segment).decode
change_of = msgspec.json.Decoder(Change).decode
_record_of = msgspec.json.Decoder(RunRecord).decode

RUN_COLUMNS = "body, state, seq, instance, epoch, stop_requested"


def record_of(row: Sequence[Any]) -> RunRecord:
    """Return a run from its `RUN_COLUMNS`."""
    body, state, seq, instance, epoch, stop_requested = row
    record = _record_of(body)
    run = msgspec.structs.replace(record.run, state=state, seq=seq)
    return msgspec.structs.replace(record, run=run, instance=instance, epoch=epoch, stop_requested=bool(stop_requested))


def put_record(db: sqlite3.Connection, record: RunRecord) -> None:
    """Write a run."""
    run = record.run
    db.execute(
        "INSERT OR REPLACE INTO runs (owner_id, id, chat_id, state, seq, instance, epoch, stop_requested, active, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (record.owner_id, run.id, run.chat_id, run.state, run.seq, record.instance, record.epoch,
         record.stop_requested, run.state not in ENDED, encode(record)),
    )  # fmt: skip


def find_record(db: sqlite3.Connection, owner: OwnerId, run_id: str) -> RunRecord | None:
    """Return a run, if there is one."""
    row = db.execute(f"SELECT {RUN_COLUMNS} FROM runs WHERE owner_id = ? AND id = ?", (owner, run_id)).fetchone()
    return None if row is None else record_of(row)


def get_record(db: sqlite3.Connection, owner: OwnerId, run_id: str) -> RunRecord:
    """Return a run or raise `NotFound`."""
    record = find_record(db, owner, run_id)
    if record is None:
        raise NotFound("There is no such run.")
    return record


def put_chat(db: sqlite3.Connection, owner: OwnerId, chat: Chat) -> None:
    """Write a chat; its counter stays."""
    db.execute(
        "INSERT INTO chats (owner_id, id, folded_title, pinned, archived, updated_ms, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (owner_id, id) DO UPDATE SET folded_title = excluded.folded_title, pinned = excluded.pinned,"
        " archived = excluded.archived, updated_ms = excluded.updated_ms, body = excluded.body",
        (owner, chat.id, searchable(chat.title), chat.pinned, chat.archived,
         round(chat.updated_at.timestamp() * 1000), encode(chat)),
    )  # fmt: skip


def keep_count(db: sqlite3.Connection, owner: OwnerId, chat_id: str, counter: int, came_at: datetime | None) -> None:
    """Write what a chat's value does not say: how many messages were numbered, and when it came from elsewhere."""
    came_ms = None if came_at is None else ms_of(came_at)
    db.execute(
        "UPDATE chats SET counter = ?, came_ms = ? WHERE owner_id = ? AND id = ?", (counter, came_ms, owner, chat_id)
    )


def get_chat(db: sqlite3.Connection, owner: OwnerId, chat_id: str) -> Chat:
    """Return a chat or raise `NotFound`."""
    row = db.execute("SELECT body FROM chats WHERE owner_id = ? AND id = ?", (owner, chat_id)).fetchone()
    if row is None:
        raise NotFound("There is no such chat.")
    return chat_of(row[0])


def insert_message(db: sqlite3.Connection, owner: OwnerId, message: Message, depth: int) -> None:
    """Write a new message."""
    db.execute(
        "INSERT INTO messages (owner_id, id, chat_id, n, depth, parent_id, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (owner, message.id, message.chat_id, message.n, depth, message.parent_id, encode(message)),
    )


def update_message(db: sqlite3.Connection, owner: OwnerId, message: Message) -> None:
    """Write what changed of a message; one that is gone stays gone."""
    db.execute("UPDATE messages SET body = ? WHERE owner_id = ? AND id = ?", (encode(message), owner, message.id))


def find_message(db: sqlite3.Connection, owner: OwnerId, chat_id: str, message_id: str) -> tuple[Message, int]:
    """Return a message without its segments, and its depth, or raise `NotFound`."""
    row = db.execute(
        "SELECT body, depth FROM messages WHERE owner_id = ? AND id = ? AND chat_id = ?", (owner, message_id, chat_id)
    ).fetchone()
    if row is None:
        raise NotFound("There is no such message.")
    return message_of(row[0]), int(row[1])


def segments_of(db: sqlite3.Connection, owner: OwnerId, run_id: RunId, after: int = 0) -> list[Segment]:
    """Return a run's segments in order."""
    rows = db.execute(
        "SELECT body FROM segments WHERE owner_id = ? AND run_id = ? AND seq > ? ORDER BY seq, part",
        (owner, run_id, after),
    )
    return [segment_of(body) for (body,) in rows]


def whole(db: sqlite3.Connection, owner: OwnerId, body: bytes) -> Message:
    """Return a message joined with its segments, where it is running."""
    message = message_of(body)
    if message.status not in RUNNING or message.run_id is None:
        return message
    return joined(message, segments_of(db, owner, message.run_id))
