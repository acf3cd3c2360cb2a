"""The collections and indexes of the MongoDB store, as numbered steps that only go forward.

Several replicas may take a step at once, and a replica of the version before may work on beside it: a step is safe to
repeat, and says from which version of the code on its outcome can be used (``usable_from``).

What an owner has by its id stands at ``_id`` (see `mongo_base.place`). Every other index is led by ``owner_id``, the
shard key, but four: runs by instance, for the sweeps that look for a process's runs whoever owns them, the dates by which
the database deletes keys and what was charged of runs that are gone, and usage by day, for administrators. `UNSHARDED` are the collections that are looked
up by something else than whose they are.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec

from jupyter_aichat.errors import StoreUnavailable
from jupyter_aichat.stores.mongo_base import AlreadyThere, Database, Document, Index

KEY_LIVES_S = 24 * 3600

UNSHARDED = ("instances", "schema", "accounts", "sessions", "tokens", "invitations", "marks", "audit", "shares")

_COLLECTION, _ID = "schema", "chats"


class Step(msgspec.Struct, frozen=True):
    """What one version adds; ``usable_from`` is the oldest version of the code that can use the outcome."""

    collections: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    usable_from: int = 1


STEPS: tuple[Step, ...] = (
    Step(
        ("chats", "messages", "runs", "segments", "keys", "instances"),
        (
            Index("chats", (("owner_id", 1), ("archived", 1), ("pinned", -1), ("updated_at", -1), ("id", -1))),
            Index("chats", (("owner_id", 1), ("pinned", -1), ("updated_at", -1), ("id", -1))),
            Index("messages", (("owner_id", 1), ("chat_id", 1), ("n", 1)), unique=True),
            Index("messages", (("owner_id", 1), ("chat_id", 1), ("depth", 1), ("id", 1), ("parent_id", 1))),
            Index("runs", (("owner_id", 1), ("chat_id", 1), ("active", 1))),
            Index("runs", (("instance", 1), ("stop_requested", 1)), where={"active": True}),
            Index("segments", (("owner_id", 1), ("run_id", 1), ("seq", 1), ("part", 1)), unique=True),
            Index("keys", (("owner_id", 1), ("chat_id", 1))),
            Index("keys", (("deleted_at", 1),), expires_s=KEY_LIVES_S),
        ),
    ),
    Step(
        ("accounts", "sessions", "tokens", "invitations", "marks", "audit"),
        (
            Index("accounts", (("folded_name", 1),), unique=True),
            Index("sessions", (("owner_id", 1),)),
            Index("sessions", (("expires_at", 1),), expires_s=0),
            Index("tokens", (("hash", 1),), unique=True),
            Index("tokens", (("owner_id", 1),)),
            Index("invitations", (("hash", 1),), unique=True),
            Index("invitations", (("expires_at", 1),), expires_s=0),
            Index("audit", (("at", -1), ("id", -1))),
            Index("audit", (("actor", 1), ("at", -1), ("id", -1))),
            Index("audit", (("subject", 1), ("at", -1), ("id", -1))),
        ),
    ),
    Step(
        ("shares",),
        (
            Index("shares", (("hash", 1),), unique=True),
            Index("shares", (("owner_id", 1), ("chat_id", 1))),
            Index("shares", (("reader_id", 1), ("created_at", -1), ("id", -1))),
            Index("shares", (("expires_at", 1),), expires_s=0),
        ),
    ),
    Step(
        ("usage",),
        (
            Index("usage", (("owner_id", 1), ("day", 1))),
            Index("usage", (("day", 1), ("owner_id", 1), ("model", 1))),
        ),
    ),
    Step((), (Index("accounts", (("groups", 1), ("folded_name", 1))),)),
    Step(("charged",), (Index("charged", (("owner_id", 1),)), Index("charged", (("at", 1),), expires_s=KEY_LIVES_S))),
    Step(("remains",), (Index("remains", (("owner_id", 1),)),)),
)


async def migrate(database: Database) -> None:
    """Bring the database to the newest step; raises `StoreUnavailable` where it is too new for this code."""
    scope, this = database.reads(), {"_id": _ID}
    found = await scope.find_one(_COLLECTION, this)
    if found is None:
        found = {**this, "version": 0, "usable_from": 1}
        with suppress(AlreadyThere):  # another replica begins as well
            await scope.insert(_COLLECTION, [dict(found)])
    _check(found)
    for number, step in enumerate(STEPS[found["version"] :], found["version"] + 1):
        await _take(database, step)
        reached = {"version": number, "usable_from": step.usable_from}
        await scope.update(_COLLECTION, {**this, "version": number - 1}, {"$set": reached})


async def version(database: Database) -> int:
    """Return which step the database has reached, 0 where there is nothing; raises `StoreUnavailable` as `migrate` does."""
    found = await database.reads().find_one(_COLLECTION, {"_id": _ID})
    if found is None:
        return 0
    _check(found)
    return int(found["version"])


def _check(found: Document) -> None:
    if found["usable_from"] > len(STEPS):
        raise StoreUnavailable("The chats were written by a newer version of jupyterlab-aichat; please upgrade it.")


async def _take(database: Database, step: Step) -> None:
    for name in step.collections:
        await database.add_collection(name)
    for index in step.indexes:
        await database.add_index(index)
