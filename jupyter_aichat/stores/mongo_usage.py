"""What people used, in MongoDB: see `stores.usage`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

import msgspec

from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, RunId
from jupyter_aichat.domain.page import Page
from jupyter_aichat.domain.usage import Charge, UsageQuery, UsageRecord
from jupyter_aichat.stores.cursors import pack_cursor, unpack_cursor
from jupyter_aichat.stores.mongo_base import AddUp, Database, Document, Scope, by_id


class MongoUsage:
    """A `UsageStore` on the database of a `MongoStore`."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database

    async def used(self, owner: OwnerId, since: str) -> tuple[UsageRecord, ...]:
        """See `UsageStore.used`."""
        found = await self._database().reads().find("usage", {"owner_id": owner, "day": {"$gte": since}})
        return tuple(map(_record_of, found))

    async def list_usage(self, query: UsageQuery) -> Page[UsageRecord]:
        """See `UsageStore.list_usage`; of all owners, for an administrator."""
        found = await self._database().reads().find(
            "usage", _filter(query), sort=(("day", -1), ("owner_id", -1), ("model", -1)), limit=query.limit + 1
        )  # fmt: skip
        records = tuple(map(_record_of, found[: query.limit]))
        more = len(found) > query.limit
        return Page(records, pack_cursor(records[-1].day, records[-1].owner_id, records[-1].model) if more else None)


class ChargeTurns:
    """Lets the ends of one owner's runs wait for each other: all add to one document, and would only get in their way."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[OwnerId, asyncio.Lock] = WeakValueDictionary()

    def of(self, owner: OwnerId) -> asyncio.Lock:
        """Return what is to be held meanwhile."""
        lock = self._locks.get(owner)
        if lock is None:
            lock = self._locks[owner] = asyncio.Lock()
        return lock


def added(owner: OwnerId, charge: Charge) -> AddUp:
    """Return what adds a run's charge to its owner's."""
    this = by_id(owner, f"{charge.day}/{charge.model}")
    amounts = {
        "prompt_tokens": charge.prompt_tokens, "completion_tokens": charge.completion_tokens, "ms": charge.ms, "runs": 1,
    }  # fmt: skip
    return AddUp("usage", this, {"day": charge.day, "model": charge.model}, amounts)


async def add_of_gone(db: Scope, owner: OwnerId, run_id: RunId, charge: Charge) -> None:
    """Add the charge of a run whose chat was deleted while it went on; where its owner is gone too, nothing is left behind.

    There is no run any more that says whether it has ended. So that it is charged once, that is kept for a day.
    """
    this = by_id(owner, run_id)
    if await db.find_one("accounts", {"_id": owner}) is None or await db.find_one("charged", this) is not None:
        return
    await db.add_up("charged", this, {"at": now()}, {"times": 1})  # of two at once one has to begin again, and finds it
    await db.write([added(owner, charge)])


def _filter(query: UsageQuery) -> Document:
    wanted: Document = {"day": {"$gte": query.since, "$lte": query.until}}
    if query.owner_id is not None:
        wanted["owner_id"] = query.owner_id
    if query.cursor is not None:
        day, owner, model = unpack_cursor(query.cursor, str, str, str)
        wanted["$or"] = [
            {"day": {"$lt": day}},
            {"day": day, "owner_id": {"$lt": owner}},
            {"day": day, "owner_id": owner, "model": {"$lt": model}},
        ]
    return wanted


def _record_of(document: Document) -> UsageRecord:
    return msgspec.convert(document, UsageRecord)
