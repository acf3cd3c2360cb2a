"""Runs in MongoDB. Every write of a run is conditional on its epoch and on its not having ended."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_aichat.domain.ids import InstanceId, OwnerId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.run import RunRecord, Segment, TakeUp
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.base import Progress
from jupyter_aichat.stores.mongo_base import Change, Document, Insert, NotThere, Scope, by_id, place
from jupyter_aichat.stores.mongo_documents import (
    message_fields,
    message_of,
    record_of,
    segment_document,
)
from jupyter_aichat.stores.mongo_messages import segments_of
from jupyter_aichat.stores.rules import taken_up


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
    found = await db.take("runs", going_on(owner, run_id, epoch), change)
    return None if found is None else record_of(found)


def going_on(owner: OwnerId, run_id: RunId, epoch: int) -> Document:
    """Return the query for a run that has not ended and has this epoch."""
    return {**by_id(owner, run_id), "epoch": epoch, "active": True}


async def checkpoint(db: Scope, segments: Sequence[Segment], *, again: bool = False) -> frozenset[RunId]:
    """See `Store.checkpoint`; in a transaction, so that a claim and a checkpoint of one run exclude each other.

    Writes what an earlier try did not write, where it is said to be tried `again`.
    """
    streaming = _streaming(segments)
    matched = await db.update_each("runs", streaming.changes)
    lost = frozenset[RunId]() if matched == len(streaming.changes) else await _lost(db, segments)
    rest = await _unwritten(db, segments) if again else segments
    await db.insert("segments", [segment_document(each) for each in rest if each.run_id not in lost])
    return lost


async def checkpoint_at_once(db: Scope, segments: Sequence[Segment]) -> frozenset[RunId]:
    """The same as one write; raises `NotThere` where one of the runs does not go on, `AlreadyThere` where some is written."""
    if not db.at_once:
        return await checkpoint(db, segments)
    streaming = _streaming(segments)
    matched, _ = await db.write([streaming, Insert("segments", [segment_document(each) for each in segments])])
    if matched < len(streaming.changes):
        raise NotThere
    return frozenset()


def _streaming(segments: Sequence[Segment]) -> Change:
    """What segments change of their runs."""
    last = {segment.run_id: segment for segment in segments}
    return Change("runs", [
        (going_on(s.owner_id, s.run_id, s.epoch), {"$set": {"state": "streaming", "seq": s.seq}})
        for s in last.values()
    ])  # fmt: skip


async def _lost(db: Scope, segments: Sequence[Segment]) -> frozenset[RunId]:
    wanted = {place(each.owner_id, each.run_id): each for each in segments}
    owners = sorted({each.owner_id for each in wanted.values()})
    active = {"_id": {"$in": list(wanted)}, "owner_id": {"$in": owners}, "active": True}
    epochs = {run["_id"]: run["epoch"] for run in await db.find("runs", active, {"epoch": 1})}
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


async def take_up(db: Scope, owner: OwnerId, run_id: RunId, epoch: int, start: TakeUp) -> Message | None:
    """See `Store.take_up`; in a transaction."""
    run = await db.take("runs", going_on(owner, run_id, epoch), {"$set": {"seq": start.seq}})
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
    active = {**by_id(owner, run_id), "active": True}
    found = await db.take("runs", active, {"$set": {"stop_requested": True}})
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
