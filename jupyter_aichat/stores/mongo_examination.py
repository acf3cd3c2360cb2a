"""A look at a MongoDB database that changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.store_state import StoreState
from jupyter_aichat.stores.mongo_base import Database, Document
from jupyter_aichat.stores.mongo_schema import STEPS, version


async def examine(database: Database, hello: Document, place: str, asked_at: datetime, took: timedelta) -> StoreState:
    """Return how the database is; `hello` is what its server said of itself, and when and how fast."""
    there = hello.get("localTime")  # UTC, and without saying so
    begun = now()
    reached = await version(database)
    took_s = (now() - begun).total_seconds()
    return StoreState(
        place,
        reached,
        len(STEPS),
        ahead_s=None if there is None else (there.replace(tzinfo=UTC) - (asked_at + took / 2)).total_seconds(),
        kind=_kind(hello),
        missing=await _missing(database, reached),
        took_s=took_s,
    )


def _kind(hello: Document) -> str:
    if "setName" not in hello:
        return "a sharded cluster"
    hosts = hello.get("hosts") or ()
    return f"replica set {hello['setName']}, {len(hosts)} {'member' if len(hosts) == 1 else 'members'}"


async def _missing(database: Database, reached: int) -> tuple[str, ...]:
    """The indexes of the steps that were taken and are not there."""
    missing = []
    wanted = [index for step in STEPS[:reached] for index in step.indexes]
    for name in sorted({index.collection for index in wanted}):
        there = await database.indexes(name)
        lost = [index for index in wanted if index.collection == name and index.keys not in there]
        missing += [f"{name}({', '.join(field for field, _ in index.keys)})" for index in lost]
    return tuple(missing)
