"""All records of a MongoDB database: see `stores.records`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from typing import Any

import msgspec

from jupyter_aichat.domain.record import KINDS, KeptChat, KeptKey, KeptMessage, Kind, Mark, Record, Remains
from jupyter_aichat.domain.run import RunRecord, Segment
from jupyter_aichat.domain.usage import UsageRecord
from jupyter_aichat.errors import StoreUnavailable
from jupyter_aichat.stores.mongo_base import Database, Document, Scope, place
from jupyter_aichat.stores.mongo_documents import (
    builtins,
    chat_of,
    kept_chat_document,
    message_document,
    message_of,
    record_document,
    record_of,
    segment_document,
    segment_of,
)
from jupyter_aichat.stores.mongo_instances import LAPSE_S
from jupyter_aichat.stores.records import STOP_FIRST, CopyNote

_NOTE = "copy"
_NO_NOTES = {"_id": {"$ne": _NOTE}}
_ORDERS: Mapping[Kind, tuple[tuple[str, int], ...]] = {"audit": (("at", 1), ("id", 1))}
_PLACE = ("_id", "owner_id", "run_id", "seq", "part")
"""What says which document one is; for segments, which have no ``_id`` of ours, all but the first."""


class MongoRecords:
    """A `RecordStore` on the database of a `MongoStore`."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[MongoReading]:
        """See `RecordStore.reading`: in a snapshot session, or without one where nobody writes."""
        async with self._database().moment() as scope:
            if scope is None and await self.in_use():
                raise StoreUnavailable(STOP_FIRST)
            yield MongoReading(scope or self._database().reads())

    async def in_use(self) -> bool:
        """See `RecordStore.in_use`; by the database's clock."""
        database = self._database()
        since = (await database.hello())["localTime"].replace(tzinfo=UTC) - timedelta(seconds=LAPSE_S)
        alive = {"left": False, "at": {"$gt": since}}
        return await database.reads().find_one("instances", alive, {"_id": 1}) is not None

    async def is_empty(self) -> bool:
        """See `RecordStore.is_empty`."""
        scope = self._database().reads()
        for kind in KINDS:
            async for _ in scope.each(kind, _NO_NOTES if kind == "marks" else {}, limit=1):
                return False
        return True

    async def begin(self, kind: Kind) -> None:
        """See `RecordStore.begin`: what an earlier try wrote is replaced, each at its place."""

    async def write(self, kind: Kind, records: Sequence[Record]) -> None:
        """See `RecordStore.write`."""
        documents = [_document(record) for record in records]
        await self._database().reads().replace_each(kind, ((_which(each), each) for each in documents))

    async def copy_note(self) -> CopyNote | None:
        """See `RecordStore.copy_note`."""
        found = await self._database().reads().find_one("marks", {"_id": _NOTE})
        return None if found is None else msgspec.convert(found, CopyNote)

    async def note_copy(self, note: CopyNote) -> None:
        """See `RecordStore.note_copy`."""
        await self._database().put("marks", {"_id": _NOTE}, {"$set": builtins(note)})


class MongoReading:
    """A `Reading` of the collections as one session sees them."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def records(self, kind: Kind) -> AsyncIterator[Record]:
        """See `Reading.records`."""
        order = _ORDERS.get(kind, (("_id", 1),))
        async for document in self._scope.each(kind, _NO_NOTES if kind == "marks" else {}, sort=order):
            yield _record(kind, document)


_READERS: Mapping[Kind, Callable[[Document], Record]] = {
    "marks": lambda each: Mark(each["_id"]),
    "chats": lambda each: KeptChat(each["owner_id"], each["counter"], chat_of(each), each.get("came_at")),
    "messages": lambda each: KeptMessage(each["owner_id"], each["depth"], message_of(each)),
    "runs": record_of,
    "segments": segment_of,
}
"""How to read the kinds that are more than their fields."""

_WRITERS: Mapping[type[Record], Callable[[Any], Document]] = {
    Mark: lambda each: {"_id": each.name},
    KeptChat: lambda each: kept_chat_document(each.owner_id, each.chat, each.counter, each.came_at),
    KeptMessage: lambda each: message_document(each.owner_id, each.message, each.depth),
    RunRecord: record_document,
    Segment: segment_document,
    KeptKey: lambda each: {"_id": place(each.owner_id, each.key), **builtins(each)},
    Remains: lambda each: {"_id": place(each.owner_id, each.chat_id), **builtins(each)},
    UsageRecord: lambda each: {"_id": place(each.owner_id, f"{each.day}/{each.model}"), **builtins(each)},
}
"""How to write the kinds that do not stand at their own id."""


def _record(kind: Kind, document: Document) -> Record:
    read = _READERS.get(kind)
    return msgspec.convert(document, KINDS[kind]) if read is None else read(document)


def _document(record: Record) -> Document:
    write = _WRITERS.get(type(record))
    if write is not None:
        return write(record)
    fields: Document = builtins(record)
    return {"_id": fields["id"], **fields}


def _which(document: Document) -> dict[str, Any]:
    """The query for the place of a document, with the shard key in it."""
    names = _PLACE[:2] if "_id" in document else _PLACE[1:]
    return {name: document[name] for name in names if name in document}
