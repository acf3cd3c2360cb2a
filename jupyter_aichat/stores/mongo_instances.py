"""Which processes live, as MongoDB knows it: each raises its ``beat``, and the others watch whether it still does.

No wall clock is compared to tell the dead: an instance has lapsed when the same beat was read for long enough of the
reader's own monotonic clock, and the database could be read all the while. For how long it is gone tells the same clock where
this process has seen it alive, else the database's. A record also names the sessions of its process, so that a transaction
in which it died is undone at once, and not after the minute that the database would wait.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from jupyter_aichat.domain.ids import InstanceId
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.stores.base import Lapsed
from jupyter_aichat.stores.mongo_base import Database, Document, Scope

LAPSE_S = 8.0
_STRAYS_EVERY_S = 10.0
_SESSIONS_KEPT = 500
"""Of the newest sessions of a process, in its record: more than it has transactions at once."""


class Watch:
    """What one process has read of the others' beats.

    Parameters
    ----------
    lapse_s
        Seconds without a new beat after which an instance has lapsed; half of them unread begin the watch anew.
    """

    def __init__(self, lapse_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lapse_s, self._clock = lapse_s, clock
        self._seen: dict[str, tuple[int, float]] = {}
        self._alive: dict[str, float] = {}
        self._last: float | None = None

    def begin(self) -> float:
        """Return the moment at which a reading begins."""
        return self._clock()

    def restart(self) -> None:
        """Forget what was read: the database could not be read."""
        self._seen = {}

    def look(self, begun: float, instances: Iterable[Document]) -> set[str]:
        """Take what a reading found; return who has lapsed."""
        if self._last is not None and begun - self._last > self._lapse_s / 2:
            self.restart()
        self._last = self._clock()
        seen, alive = {}, {}
        for each in instances:
            instance, beat = each["_id"], each["beat"]
            before, since = self._seen.get(instance, (None, 0.0))
            seen[instance] = (beat, since if before == beat else self._last)
            if before not in {None, beat}:
                alive[instance] = self._last
            elif instance in self._alive:
                alive[instance] = self._alive[instance]
        self._seen, self._alive = seen, alive
        return {instance for instance, (_, since) in seen.items() if begun - since >= self._lapse_s}

    def gone_s(self, instance: str) -> float | None:
        """Return the seconds since an instance was last seen to beat; None where it never was."""
        at = self._alive.get(instance)
        return None if at is None else self._clock() - at


class Instances:
    """The instances' records, and the watch over them."""

    def __init__(self, database: Database, watch: Watch, log: logging.Logger) -> None:
        self._database, self._watch, self._log = database, watch, log
        self._strays_at: float | None = None
        self._own: InstanceId | None = None
        self._sessions: deque[bytes] = deque(maxlen=_SESSIONS_KEPT)
        database.announce_sessions(self._note_session)

    async def beat(self, instance: InstanceId) -> None:
        """Make the instance known, and say that it lives."""
        self._own = instance
        change = {
            "$inc": {"beat": 1}, "$currentDate": {"at": True}, "$set": {"left": False},
            "$setOnInsert": {"sessions": list(self._sessions)},
        }  # fmt: skip
        await self._database.put("instances", {"_id": instance}, change)

    async def _note_session(self, session: bytes) -> None:
        """Add a session to the record; in whatever order several arrive there, none takes another away."""
        self._sessions.append(session)
        if self._own is not None:
            newest = {"$each": [session], "$slice": -_SESSIONS_KEPT}
            await self._database.reads().update("instances", {"_id": self._own}, {"$push": {"sessions": newest}})

    async def leave(self, instance: InstanceId) -> None:
        """See `Store.leave`; who has left is lapsed at once, also where a run comes in between."""
        db = self._database.reads()
        await db.update("instances", {"_id": instance}, {"$set": {"left": True}})
        if not await _of_active_runs(db, [instance]):
            await db.delete("instances", {"_id": instance, "left": True})

    async def lapsed(self, instance: InstanceId) -> tuple[Lapsed, ...]:
        """See `Store.lapsed`."""
        begun = self._watch.begin()
        db = self._database.reads()
        try:
            holders = await self._holders(db, begun)
            known = await db.find("instances", {}, {"beat": 1, "left": 1, "at": 1})
        except Exception:
            self._watch.restart()
            raise
        others = {each["_id"]: each for each in known if each["_id"] != instance}
        gone = self._watch.look(begun, known) & others.keys()
        left = [each for each in others if others[each]["left"]]
        gone = (gone - set(left)) | (await _of_active_runs(db, left) if left else set())
        if gone:
            await self._undo(gone)
        strays = holders - others.keys() - {instance}
        return (*await self._since([others[each] for each in gone]), *(Lapsed(InstanceId(each)) for each in strays))

    async def _undo(self, gone: Iterable[str]) -> None:
        """Undo the transactions in which instances died: at each look, for what they had asked last may still be under way."""
        found = await self._database.reads().find("instances", {"_id": {"$in": list(gone)}}, {"sessions": 1})
        sessions = [session for each in found for session in each.get("sessions", ())]
        if not sessions:
            return
        try:
            await self._database.kill_sessions(sessions)
        except AIChatError as error:  # such as a right that we lack: then the database undoes them, later
            self._log.warning("What dead instances left open in MongoDB cannot be undone: %s", error)

    async def _holders(self, db: Scope, now: float) -> set[str]:
        """Who holds runs, now and then: one whose record was taken away while it was not dead may do so unseen.

        Asked before the records, since each joins before its first run.
        """
        if self._strays_at is not None and now - self._strays_at < _STRAYS_EVERY_S:
            return set()
        self._strays_at = now
        return await _of_active_runs(db, None)

    async def _since(self, gone: list[Document]) -> list[Lapsed]:
        if not gone:
            return []
        now: datetime = (await self._database.hello())["localTime"].replace(tzinfo=UTC)
        found = []
        for each in gone:
            gone_s = self._watch.gone_s(each["_id"])
            told = (now - each["at"]).total_seconds()
            found.append(Lapsed(InstanceId(each["_id"]), max(told if gone_s is None else gone_s, 0.0)))
        return found


async def _of_active_runs(db: Scope, instances: Iterable[str] | None) -> set[str]:
    """The instances that hold a run which has not ended; None asks for all."""
    wanted: Document = {"$ne": None} if instances is None else {"$in": list(instances)}
    runs = await db.find("runs", {"instance": wanted, "active": True}, {"instance": 1})
    return {run["instance"] for run in runs}
