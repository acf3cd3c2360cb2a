"""This process among the others: it says that it lives, ends what the dead left, and hears what others ask.

One beat for everything that must be looked at: checkpoints, stops and changes once a second, its own beat every two,
the dead every five.
"""

from __future__ import annotations

import asyncio
import logging

from jupyter_aichat.bus.base import Bus
from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.ids import InstanceId, RunId
from jupyter_aichat.domain.run import RunEnd, RunRecord
from jupyter_aichat.engine.generation import End
from jupyter_aichat.engine.journal import CHECKPOINT_S, Journal
from jupyter_aichat.engine.owners import Owners
from jupyter_aichat.engine.workers import Workers
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.stores.base import Store

BEAT_EVERY = 2
SWEEP_EVERY = 5


class Instance:
    """The heartbeat of one process that runs the engine."""

    def __init__(
        self,
        *,
        instance: InstanceId,
        store: Store,
        bus: Bus,
        workers: Workers,
        journal: Journal,
        owners: Owners,
        log: logging.Logger,
    ) -> None:
        self._id, self._store, self._bus = instance, store, bus
        self._workers, self._journal, self._owners, self._log = workers, journal, owners, log
        self._position: int | None = None
        self._forsaken: frozenset[RunId] = frozenset()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Join, end what dead instances left, then go on once a second."""
        await self._store.join(self._id)
        self._position, _ = await self._store.changes(None)
        await self._sweep()
        self._task = asyncio.create_task(self._beat_on(), name="aichat-instance")

    async def stop(self) -> None:
        """Beat no more and leave."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self._leave()

    async def _leave(self) -> None:
        """End what could not be ended before; where the store does not take it, the next process will."""
        try:
            for record in await self._store.orphans([self._id]):
                await self._end_orphan(record, "server_stopping")
            await self._store.leave(self._id)
        except AIChatError as error:
            self._log.warning("The store does not let this process leave: %s", error.code)

    async def _beat_on(self) -> None:
        loop = asyncio.get_running_loop()
        count = 0
        while True:
            begun = loop.time()
            count += 1
            await self._beat(count)
            await asyncio.sleep(max(CHECKPOINT_S - (loop.time() - begun), 0.1))

    async def _beat(self, count: int) -> None:
        try:
            await self._journal.checkpoint(self._workers)
            if count % BEAT_EVERY == 0:
                await self._store.beat(self._id)
            await self._hear()
            if count % SWEEP_EVERY == 0:
                await self._sweep()
        except AIChatError as error:
            self._log.warning("The store is away: %s", error.code)
        except Exception:  # noqa: BLE001 (the heartbeat of all runs must not end by one fault)
            self._log.exception("A heartbeat failed")

    async def _hear(self) -> None:
        """Take the stops and changes that other processes wrote into the store."""
        if len(self._workers):
            for run_id in await self._store.stop_requests(self._id):
                self._workers.end(run_id, End("stopped", "user"))
        self._position, changes = await self._store.changes(self._position)
        for change in changes:
            if change.change == "deleted":
                self._workers.end_chat(change.chat_id)
            self._owners.deliver(change)

    async def _sweep(self) -> None:
        """End the runs of instances that are surely dead; their text stays and can be continued."""
        for dead in await self._store.lapsed(self._id):
            for record in await self._store.orphans([dead.instance]):
                await self._end_orphan(record, "server_restarted")
            await self._store.leave(dead.instance)
        await self._end_forsaken()

    async def _end_forsaken(self) -> None:
        """End our own runs that nobody writes any more: the store was away for too long at their end.

        One that was committed just now may not have its worker yet, so it takes two looks.
        """
        own = await self._store.orphans([self._id])
        forsaken = {record.run.id: record for record in own if self._workers.find(record.run.id) is None}
        for run_id in self._forsaken & forsaken.keys():
            await self._end_orphan(forsaken[run_id], "store_unavailable")
        self._forsaken = frozenset(forsaken)

    async def _end_orphan(self, record: RunRecord, why: str) -> None:
        run = record.run
        claimed = await self._store.claim(record.owner_id, run.id, record.epoch, self._id)
        if claimed is None:
            return
        outcome, reason = ("stopped", "user") if claimed.stop_requested else ("interrupted", why)
        end = RunEnd(outcome, reason, seq=max(run.seq, claimed.epoch << 32) + 1)  # type: ignore[arg-type]
        await self._store.end_run(record.owner_id, run.id, claimed.epoch, end)
        self._log.info("Run %s, which nobody wrote any more, is now %s", run.id, outcome)
        await self._owners.publish(Change(record.owner_id, run.chat_id, "message", run.message_id, run.id))
