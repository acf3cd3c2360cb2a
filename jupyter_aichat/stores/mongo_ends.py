"""The end of a run in MongoDB: run, message, segments and what was used, in one transaction."""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.ids import OwnerId, RunId
from jupyter_aichat.domain.part import Part, ToolCallPart
from jupyter_aichat.domain.run import RunEnd, RunRecord
from jupyter_aichat.stores import mongo_usage as usage
from jupyter_aichat.stores.mongo_base import Change, Delete, Document, NotThere, Scope, Write, by_id
from jupyter_aichat.stores.mongo_documents import (
    builtins,
    end_fields,
    message_of,
    parts_fields,
    record_document,
    record_of,
)
from jupyter_aichat.stores.mongo_messages import segments_of
from jupyter_aichat.stores.mongo_runs import find_record, going_on
from jupyter_aichat.stores.rules import fold


async def end_run(
    db: Scope, owner: OwnerId, run_id: RunId, epoch: int, end: RunEnd, *, most: int | None = None
) -> RunRecord | None:
    """See `Store.end_run`; in a transaction. Of the answer's text at most so many bytes are kept, None keeps all."""
    change, writes = end_fields(end), list[Write]()
    before = await db.take("runs", going_on(owner, run_id, epoch), {"$set": change}, before=True)
    if before is None:
        record = await find_record(db, owner, run_id)
        if record is None and end.charge is not None:
            await usage.add_of_gone(db, owner, run_id, end.charge)
        return record if record is not None and record.run.ended else None
    this, has_segments = by_id(owner, before["message_id"]), before["state"] == "streaming"
    fields, parts = _message_end(end), end.parts
    if parts is None and has_segments:
        parts = await _folded(db, owner, run_id, this)
    if parts is not None:
        fields["parts"] = parts_fields(parts if most is None else _cut(parts, most))
    writes.append(Change("messages", [(this, {"$set": fields})]))
    if has_segments:
        writes.append(Delete("segments", {"owner_id": owner, "run_id": run_id}))
    if end.charge is not None:
        writes.append(usage.added(owner, end.charge))
    await db.write(writes)
    return record_of({**before, **change})


def is_known(owner: OwnerId, run_id: RunId, epoch: int, end: RunEnd) -> bool:
    """Whether an end brings all that is needed to write it without a look at the run; of a stopped one more was changed."""
    known = end.known
    if known is None or end.parts is None or end.outcome == "stopped":
        return False
    return (known.owner_id, known.run.id, known.epoch) == (owner, run_id, epoch)


async def end_at_once(db: Scope, known: RunRecord, end: RunEnd) -> RunRecord | None:
    """See `Store.end_run`; the same as one write, of a run that is as it is `known`, else raises `NotThere`."""
    owner, run = known.owner_id, known.run
    if not db.at_once:
        return await end_run(db, owner, run.id, known.epoch, end)
    change, fields = end_fields(end), _message_end(end)
    if end.parts is not None:
        fields["parts"] = parts_fields(end.parts)
    this = {**going_on(owner, run.id, known.epoch), "stop_requested": known.stop_requested}
    writes: list[Write] = [
        Change("runs", [(this, {"$set": change})]),
        Change("messages", [(by_id(owner, run.message_id), {"$set": fields})]),
        Delete("segments", {"owner_id": owner, "run_id": run.id}),
    ]
    if end.charge is not None:
        writes.append(usage.added(owner, end.charge))
    if (await db.write(writes))[0] == 0:
        raise NotThere
    return record_of({**record_document(known), **change})


def _message_end(end: RunEnd) -> Document:
    """What an end changes of its message; what it does not tell stays."""
    fields: Document = {"status": end.outcome, "reason": end.reason, "seq": end.seq, "error": end_fields(end)["error"]}
    if end.usage:
        fields["usage"] = builtins(end.usage)
    if end.digest:
        fields["digest"] = end.digest
    return fields


async def _folded(db: Scope, owner: OwnerId, run_id: RunId, message: Document) -> tuple[Part, ...] | None:
    segments = (await segments_of(db, owner, [run_id]))[run_id]
    found = await db.find_one("messages", message) if segments else None
    return None if found is None else fold(message_of(found).parts, segments)


def _cut(parts: tuple[Part, ...], most: int) -> tuple[Part, ...]:
    """Return the beginning of an answer whose texts have at most so many bytes; what is no text is left out."""
    kept: list[Part] = []
    for part in parts:
        if isinstance(part, ToolCallPart) or most <= 0:
            continue
        text = part.text.encode()[:most]
        most -= len(text)
        kept.append(msgspec.structs.replace(part, text=text.decode(errors="ignore")))
    return tuple(kept)
