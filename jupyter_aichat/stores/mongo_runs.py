"""Runs in MongoDB. Every write of a run is conditional on its epoch and on its not having ended."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jupyter_aichat.domain.ids import InstanceId, OwnerId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import Part, ToolCallPart
from jupyter_aichat.domain.run import RunEnd, RunRecord, Segment, TakeUp
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores import mongo_usage as usage
from jupyter_aichat.stores.base import Progress
from jupyter_aichat.stores.mongo_base import Change, Delete, Document, Insert, NotThere, Scope, Write, by_id, place
from jupyter_aichat.stores.mongo_documents import (
    builtins,
    end_fields,
    message_fields,
    message_of,
    parts_fields,
    record_document,
    record_of,
    segment_document,
)
from jupyter_aichat.stores.mongo_messages import segments_of
from jupyter_aichat.stores.rules import fold, taken_up


async def find_record(db: Scope, owner: OwnerId, run_id: RunId) -> RunRecord | None:
    """Return a run, if there is one."""
    found = await db.find_one("runs", by_id(owner, run_id))
    return None if found is None else record_of(found)


async def get_record(db: Scope, owner: OwnerId, run_id: RunId) -> RunRecord:
    """See `Store.get_run`."""
    record = await find_record(db, owner, run_id)
    if record is None:
        raise NotFound("There is no such run.")
    return record


async def active_runs(db: Scope, owner: OwnerId, chat_id: str) -> tuple[RunRecord, ...]:
    """See `Store.active_runs`."""
    found = await db.find("runs", {"owner_id": owner, "chat_id": chat_id, "active": True})
    return tuple(map(record_of, found))


async def progress(db: Scope, owner: OwnerId, run_id: RunId, after: int) -> Progress:
    """See `Store.progress`. The run is read last: where it goes on then, its segments were whole before."""
    segments = await segments_of(db, owner, [run_id], after)
    record = await get_record(db, owner, run_id)
    return Progress(record, () if record.run.ended else tuple(segments[run_id]))


async def claim(db: Scope, owner: OwnerId, run_id: RunId, epoch: int, instance: InstanceId) -> RunRecord | None:
    """See `Store.claim`."""
    change = {"$set": {"instance": instance}, "$inc": {"epoch": 1}}
    found = await db.take("runs", _going_on(owner, run_id, epoch), change)
    return None if found is None else record_of(found)


def _going_on(owner: OwnerId, run_id: RunId, epoch: int) -> Document:
    return {**by_id(owner, run_id), "epoch": epoch, "active": True}


async def checkpoint(db: Scope, segments: Sequence[Segment], *, again: bool = False) -> frozenset[RunId]:
    """See `Store.checkpoint`; in a transaction, so that a claim and a checkpoint of one run exclude each other.

    Writes what an earlier try did not write, where it is said to be tried `again`.
    """
    going_on = _streaming(segments)
    matched = await db.update_each("runs", going_on.changes)
    lost = frozenset[RunId]() if matched == len(going_on.changes) else await _lost(db, segments)
    rest = await _unwritten(db, segments) if again else segments
    await db.insert("segments", [segment_document(each) for each in rest if each.run_id not in lost])
    return lost


async def checkpoint_at_once(db: Scope, segments: Sequence[Segment]) -> frozenset[RunId]:
    """The same as one write; raises `NotThere` where one of the runs does not go on, `AlreadyThere` where some is written."""
    if not db.at_once:
        return await checkpoint(db, segments)
    going_on = _streaming(segments)
    matched, _ = await db.write([going_on, Insert("segments", [segment_document(each) for each in segments])])
    if matched < len(going_on.changes):
        raise NotThere
    return frozenset()


def _streaming(segments: Sequence[Segment]) -> Change:
    """What segments change of their runs."""
    last = {segment.run_id: segment for segment in segments}
    return Change("runs", [
        (_going_on(s.owner_id, s.run_id, s.epoch), {"$set": {"state": "streaming", "seq": s.seq}})
        for s in last.values()
    ])  # fmt: skip


async def _lost(db: Scope, segments: Sequence[Segment]) -> frozenset[RunId]:
    wanted = {place(each.owner_id, each.run_id): each for each in segments}
    owners = sorted({each.owner_id for each in wanted.values()})
    going_on = {"_id": {"$in": list(wanted)}, "owner_id": {"$in": owners}, "active": True}
    epochs = {run["_id"]: run["epoch"] for run in await db.find("runs", going_on, {"epoch": 1})}
    return frozenset(each.run_id for at, each in wanted.items() if epochs.get(at) != each.epoch)


async def _unwritten(db: Scope, segments: Sequence[Segment]) -> list[Segment]:
    """Return those of the segments that an earlier try, whose end was not heard of, did not write."""
    owners, runs = {each.owner_id for each in segments}, {each.run_id for each in segments}
    seqs = [segment.seq for segment in segments]
    query = {
        "owner_id": {"$in": sorted(owners)}, "run_id": {"$in": sorted(runs)}, "seq": {"$gte": min(seqs), "$lte": max(seqs)},
    }  # fmt: skip
    found = await db.find("segments", query, {"run_id": 1, "seq": 1, "part": 1})
    there = {(each["run_id"], each["seq"], each["part"]) for each in found}
    return [segment for segment in segments if (segment.run_id, segment.seq, segment.part) not in there]


async def end_run(
    db: Scope, owner: OwnerId, run_id: RunId, epoch: int, end: RunEnd, *, most: int | None = None
) -> RunRecord | None:
    """See `Store.end_run`; in a transaction. Of the answer's text at most so many bytes are kept, None keeps all."""
    change, writes = end_fields(end), list[Write]()
    before = await db.take("runs", _going_on(owner, run_id, epoch), {"$set": change}, before=True)
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
    this = {**_going_on(owner, run.id, known.epoch), "stop_requested": known.stop_requested}
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


async def take_up(db: Scope, owner: OwnerId, run_id: RunId, epoch: int, start: TakeUp) -> Message | None:
    """See `Store.take_up`; in a transaction."""
    run = await db.take("runs", _going_on(owner, run_id, epoch), {"$set": {"seq": start.seq}})
    if run is None:
        return None
    this = by_id(owner, run["message_id"])
    found = await db.find_one("messages", this)
    if found is None:
        return None
    message = taken_up(message_of(found), start)
    await db.update("messages", this, {"$set": message_fields(message)})
    await db.delete("segments", {"owner_id": owner, "run_id": run_id})
    return message


async def request_stop(db: Scope, owner: OwnerId, run_id: RunId) -> RunRecord:
    """See `Store.request_stop`."""
    going_on = {**by_id(owner, run_id), "active": True}
    found = await db.take("runs", going_on, {"$set": {"stop_requested": True}})
    return record_of(found) if found is not None else await get_record(db, owner, run_id)


async def stop_requests(db: Scope, instance: InstanceId) -> tuple[RunId, ...]:
    """See `Store.stop_requests`; a sweep, like `orphans`: by instance, whoever owns the runs."""
    found = await db.find("runs", {"instance": instance, "active": True, "stop_requested": True}, {"id": 1})
    return tuple(RunId(run["id"]) for run in found)


async def orphans(db: Scope, instances: Sequence[InstanceId]) -> tuple[RunRecord, ...]:
    """See `Store.orphans`."""
    if not instances:
        return ()
    found = await db.find("runs", {"instance": {"$in": list(instances)}, "active": True})
    return tuple(map(record_of, found))


async def unclaimed(db: Scope, limit: int) -> tuple[RunRecord, ...]:
    """See `Store.unclaimed`; a sweep, like `orphans`."""
    return tuple(map(record_of, await db.find("runs", {"instance": None, "active": True}, limit=limit)))
