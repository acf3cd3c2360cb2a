"""Runs that nobody writes any more: those of dead instances, and our own that have no worker.

Where the store takes over, they go on here (`takeover`); else they end as interrupted, their text kept. A process that asks no
model watches the others all the while, and takes their runs only where nobody else is there for them.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.ids import InstanceId, RunId
from jupyter_aichat.domain.run import RunEnd, RunRecord
from jupyter_aichat.domain.usage import Charge
from jupyter_aichat.engine.charging import charge_of_left
from jupyter_aichat.engine.generation import STARVED
from jupyter_aichat.engine.observer import Observer, unwritten_run
from jupyter_aichat.engine.owners import Owners
from jupyter_aichat.engine.takeover import Takeover
from jupyter_aichat.engine.window import Estimator
from jupyter_aichat.engine.workers import Workers
from jupyter_aichat.errors import AIChatError, NotFound
from jupyter_aichat.stores.base import Store

AT_ONCE = 16
"""How many runs are taken side by side."""


class Sweeper:
    """Looks for runs without an owner.

    Parameters
    ----------
    takes
        Whether this process should take what others left.
    charges
        Whether what runs cost is written down.
    suspect
        Called with a run that is generated here and that the store does not give to this process.
    """

    def __init__(
        self,
        *,
        instance: InstanceId,
        store: Store,
        workers: Workers,
        owners: Owners,
        takeover: Takeover,
        estimator: Estimator,
        takes: Callable[[], bool],
        charges: bool,
        suspect: Callable[[RunId], None],
        observer: Observer,
        log: logging.Logger,
    ) -> None:
        self._id, self._store, self._workers, self._owners = instance, store, workers, owners
        self._takeover, self._suspect, self._observer, self._log = takeover, suspect, observer, log
        self._estimator, self._takes, self._charges = estimator, takes, charges
        self._taking: set[RunId] = set()
        self._forsaken: frozenset[RunId] = frozenset()

    async def look_at_others(self) -> None:
        """Take the runs of instances that are surely dead, or have left."""
        gone = await self._store.lapsed(self._id)
        for dead in gone if self._takes() else ():
            records = list(await self._store.orphans([dead.instance]))
            random.shuffle(records)  # who else takes them should not try the same ones in the same order
            await self._deal([(record, dead.gone_s) for record in records], "server_restarted")
            await self._store.leave(dead.instance)

    async def look_at_own(self) -> None:
        """Go on with our own runs that have no worker, and ask about workers whose run is not ours in the store.

        A run that was committed just now may not have its worker yet, so without being let go of it takes two looks.
        """
        generated = {live.record.run.id for live in self._workers}
        own = {record.run.id: record for record in await self._store.orphans([self._id])}
        for run_id in generated - own.keys():
            self._suspect(run_id)
        self._workers.forget_parked(set(own))
        forsaken = {r for r in own if self._workers.find(r) is None and r not in self._taking}
        due: list[tuple[RunRecord, float | None]] = []
        for run_id in forsaken:
            parked = self._workers.parked(own[run_id])
            if parked is not None or run_id in self._forsaken:
                due.append((own[run_id], parked.gone_s if parked else 0.0))
        self._forsaken = frozenset(forsaken)
        await self._deal(due, STARVED)

    async def _deal(self, records: Sequence[tuple[RunRecord, float | None]], reason: str) -> None:
        """Take these runs, each with the seconds since when nobody writes it."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def deal(record: RunRecord, gone_s: float | None) -> None:
            async with limit:
                await self._deal_with(record, gone_s, reason)

        await asyncio.gather(*(deal(record, gone_s) for record, gone_s in records))

    async def _deal_with(self, record: RunRecord, gone_s: float | None, reason: str) -> None:
        """Take one; a fault costs only this one, which the next look finds again."""
        run_id = record.run.id
        if run_id in self._taking:
            return
        self._taking.add(run_id)
        try:
            if self._store.takes_over:
                await self._takeover.take(record, gone_s, reason)
            else:
                await self.end(record, reason)
        except AIChatError as error:
            self._log.warning("Run %s cannot be taken right now: %s", run_id, error.code)
        finally:
            self._taking.discard(run_id)

    async def end(self, record: RunRecord, reason: str) -> None:
        """End a run that nobody writes; its text stays and can be continued."""
        run = record.run
        claimed = await self._store.claim(record.owner_id, run.id, record.epoch, self._id)
        if claimed is None:
            return
        outcome, why = ("stopped", "user") if claimed.stop_requested else ("interrupted", reason)
        charge = await self._charge(claimed)
        end = RunEnd(outcome, why, seq=max(run.seq, claimed.epoch << 32) + 1, charge=charge)  # type: ignore[arg-type]
        await self._store.end_run(record.owner_id, run.id, claimed.epoch, end)
        self._observer.taken_over(False)
        self._observer.ended(unwritten_run(record, end.outcome, why))
        self._log.info("Run %s, which nobody wrote any more, is now %s", run.id, outcome)
        await self._owners.publish(Change(record.owner_id, run.chat_id, "message", run.message_id, run.id))

    async def _charge(self, record: RunRecord) -> Charge | None:
        """What a run that ends here costs; what was reserved for it is free when its process is gone for a minute."""
        if not self._charges:
            return None
        try:
            reply = await self._store.get_message(record.owner_id, record.run.chat_id, record.run.message_id)
        except NotFound:
            return None
        return charge_of_left(record, reply, self._estimator)

    async def end_own(self, reason: str) -> None:
        """End what is still ours and nobody writes: the process stops."""
        for record in await self._store.orphans([self._id]):
            await self.end(record, reason)
