"""Runs in SQLite: jobs for the store's threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from jupyter_aichat.domain.ids import InstanceId, OwnerId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.run import RunEnd, RunRecord, Segment, TakeUp
from jupyter_aichat.stores import sqlite_usage as usage
from jupyter_aichat.stores.rules import fold, taken_up
from jupyter_aichat.stores.sqlite_rows import (
    RUN_COLUMNS,
    encode,
    find_record,
    get_record,
    message_of,
    put_record,
    record_of,
    segments_of,
    update_message,
)


def active_runs(db: sqlite3.Connection, owner: OwnerId, chat_id: str) -> tuple[RunRecord, ...]:
    """See `Store.active_runs`."""
    rows = db.execute(
        f"SELECT {RUN_COLUMNS} FROM runs WHERE owner_id = ? AND chat_id = ? AND active = 1", (owner, chat_id)
    )
    return tuple(record_of(row) for row in rows)


def claim(db: sqlite3.Connection, owner: OwnerId, run_id: RunId, epoch: int, instance: InstanceId) -> RunRecord | None:
    """See `Store.claim`."""
    row = db.execute(
        "UPDATE runs SET instance = ?, epoch = epoch + 1 WHERE owner_id = ? AND id = ? AND epoch = ? AND active = 1"
        f" RETURNING {RUN_COLUMNS}",
        (instance, owner, run_id, epoch),
    ).fetchone()
    return None if row is None else record_of(row)


def take_up(db: sqlite3.Connection, owner: OwnerId, run_id: RunId, epoch: int, start: TakeUp) -> Message | None:
    """See `Store.take_up`."""
    record = find_record(db, owner, run_id)
    if record is None or record.run.ended or record.epoch != epoch:
        return None
    message = taken_up(_message(db, record), start)
    update_message(db, owner, message)
    db.execute("DELETE FROM segments WHERE owner_id = ? AND run_id = ?", (owner, run_id))
    db.execute("UPDATE runs SET seq = ? WHERE owner_id = ? AND id = ?", (start.seq, owner, run_id))
    return message


def checkpoint(db: sqlite3.Connection, segments: Sequence[Segment]) -> frozenset[RunId]:
    """See `Store.checkpoint`."""
    last = {segment.run_id: segment for segment in segments}
    lost = frozenset(run_id for run_id, segment in last.items() if not _advance(db, segment))
    db.executemany(
        "INSERT OR IGNORE INTO segments (owner_id, run_id, seq, part, body) VALUES (?, ?, ?, ?, ?)",
        [(s.owner_id, s.run_id, s.seq, s.part, encode(s)) for s in segments if s.run_id not in lost],
    )
    return lost


def _advance(db: sqlite3.Connection, segment: Segment) -> bool:
    changed = db.execute(
        "UPDATE runs SET state = 'streaming', seq = ? WHERE owner_id = ? AND id = ? AND epoch = ? AND active = 1",
        (segment.seq, segment.owner_id, segment.run_id, segment.epoch),
    )
    return changed.rowcount == 1


def end_run(db: sqlite3.Connection, owner: OwnerId, run_id: RunId, epoch: int, end: RunEnd) -> RunRecord | None:
    """See `Store.end_run`."""
    record = find_record(db, owner, run_id)
    if record is None and end.charge is not None:
        usage.add_of_gone(db, owner, run_id, end.charge)
    if record is None or record.run.ended:
        return record
    if record.epoch != epoch:
        return None
    message = _message(db, record)
    parts = end.parts if end.parts is not None else fold(message.parts, segments_of(db, owner, run_id))
    update_message(db, owner, _ended(message, end, parts))
    db.execute("DELETE FROM segments WHERE owner_id = ? AND run_id = ?", (owner, run_id))
    run = msgspec.structs.replace(
        record.run, state=end.outcome, reason=end.reason, error=end.error, usage=end.usage, seq=end.seq
    )
    ended = msgspec.structs.replace(record, run=run)
    put_record(db, ended)
    if end.charge is not None:
        usage.add(db, owner, end.charge)
    return ended


def _message(db: sqlite3.Connection, record: RunRecord) -> Message:
    """The message that a run fills, without its segments."""
    row = db.execute(
        "SELECT body FROM messages WHERE owner_id = ? AND id = ?", (record.owner_id, record.run.message_id)
    ).fetchone()
    return message_of(row[0])


def _ended(message: Message, end: RunEnd, parts: tuple[object, ...]) -> Message:
    return msgspec.structs.replace(
        message, parts=parts, status=end.outcome, reason=end.reason, error=end.error, seq=end.seq,
        usage=end.usage or message.usage, digest=end.digest or message.digest,
    )  # fmt: skip


def request_stop(db: sqlite3.Connection, owner: OwnerId, run_id: RunId) -> RunRecord:
    """See `Store.request_stop`."""
    db.execute("UPDATE runs SET stop_requested = 1 WHERE owner_id = ? AND id = ? AND active = 1", (owner, run_id))
    return get_record(db, owner, run_id)


def stop_requests(db: sqlite3.Connection, instance: InstanceId) -> tuple[RunId, ...]:
    """See `Store.stop_requests`."""
    rows = db.execute("SELECT id FROM runs WHERE instance = ? AND active = 1 AND stop_requested = 1", (instance,))
    return tuple(RunId(run_id) for (run_id,) in rows)


def others(db: sqlite3.Connection, instance: InstanceId) -> tuple[InstanceId, ...]:
    """Return the instances beside this one: those that joined, and those that left runs behind unended."""
    rows = db.execute(
        "SELECT id FROM instances WHERE id <> ?1 UNION SELECT instance FROM runs WHERE active = 1 AND instance <> ?1",
        (instance,),
    )
    return tuple(InstanceId(other) for (other,) in rows)


def orphans(db: sqlite3.Connection, instances: Sequence[InstanceId]) -> tuple[RunRecord, ...]:
    """See `Store.orphans`."""
    found = []
    for instance in instances:
        rows = db.execute(f"SELECT {RUN_COLUMNS} FROM runs WHERE instance = ? AND active = 1", (instance,))
        found += [record_of(row) for row in rows]
    return tuple(found)


def unclaimed(db: sqlite3.Connection, limit: int) -> tuple[RunRecord, ...]:
    """See `Store.unclaimed`."""
    rows = db.execute(f"SELECT {RUN_COLUMNS} FROM runs WHERE instance IS NULL AND active = 1 LIMIT ?", (limit,))
    return tuple(record_of(row) for row in rows)
