"""A run in a process that asks no model: it is offered to the workers until one of them has it.

    committed, nobody's ─┬─ offered to one worker ── taken ── let go of: the readers go on with what the worker writes
     (epoch 0)           │   └─ after half a second to all, again and again
    its worker dead, and │   └─ after five, or where surely none is there: `queue_position {cause: no_worker}`
     none left: kept ────┘   └─ stop, delete: claimed here, and ended
     (epoch > 1; `snapshot`) └─ kept for `KEPT_S`: ended as interrupted

The offer is a signal, which may be lost: workers also look into the store for what nobody has, and this process looks whether
somebody has it. What is kept is this process's by the store's word, so that another keeps it when this one is gone. It stands
for the generator in `Workers`, and as that does it ends a run or lets go of it.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import chain, repeat

import msgspec

from jupyter_aichat.bus.base import Bus
from jupyter_aichat.domain.event import QueuePosition, RunFinished, Snapshot
from jupyter_aichat.domain.ids import InstanceId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.run import NOBODYS_EPOCH, RunEnd, RunRecord
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.charging import charge_of
from jupyter_aichat.engine.generation import LET_GO, End, accept_cancellation, finished_of
from jupyter_aichat.engine.live import LiveRun
from jupyter_aichat.engine.observer import Observer, unwritten_run
from jupyter_aichat.engine.offers import OFFERS, Offer
from jupyter_aichat.engine.processes import Processes
from jupyter_aichat.engine.window import Estimator
from jupyter_aichat.errors import AIChatError, BusUnavailable, NotFound
from jupyter_aichat.limits.quotas import Quotas
from jupyter_aichat.stores.base import Store

PAUSES_S = (0.5, 0.5, 1.0, 1.0, 2.0)
NO_WORKER_S = 5.0
KEPT_S = 600.0
"""For how long an answer that was begun is kept for a worker: then nobody expects any more that it goes on by itself."""


class Offering:
    """Offers runs, and ends those that are not wanted any more before somebody has them."""

    def __init__(
        self,
        *,
        instance: InstanceId,
        store: Store,
        bus: Bus,
        admission: Admission,
        quotas: Quotas,
        estimator: Estimator,
        processes: Processes,
        observer: Observer,
        log: logging.Logger,
    ) -> None:
        self._id, self._store, self._bus, self._log = instance, store, bus, log
        self._admission, self._quotas, self._estimator = admission, quotas, estimator
        self._processes, self._observer = processes, observer
        self._offered: dict[RunId, int] = {}
        """The runs that nobody has yet, each with the position that its readers were told."""

    @property
    def waiting(self) -> int:
        """How many runs wait for a worker."""
        return len(self._offered)

    async def run(self, live: LiveRun, question: Message, reply: Message, wanted: asyncio.Future[End]) -> End | None:
        """Offer a run until a worker has it: `LET_GO`; or end it early, as `wanted` says: None, or what the store could not be told."""
        run_id = live.record.run.id
        self._offered[run_id], begun = 0, asyncio.get_running_loop().time()
        self._observer.offered(live.record)
        try:
            if _is_kept(live.record):
                live.tell(Snapshot(live.message()))
                await self._quotas.adopt(live.record)
            end = wanted.result() if wanted.done() else await self._offer(live, question, reply)
        except asyncio.CancelledError:
            end = wanted.result() if wanted.done() else LET_GO
            accept_cancellation()
        except Exception:  # noqa: BLE001 (whatever it is, the run is in the store, where workers look for it)
            self._log.exception("Offering run %s failed", run_id)
            end = LET_GO
        finally:
            del self._offered[run_id]
        if not wanted.done():
            wanted.set_result(end)
        unended = LET_GO if end is LET_GO else await self._end(live, end)
        if unended is None:
            self._admission.leave(run_id)
            await self._quotas.settle(run_id)
            return None
        self._observer.taken(asyncio.get_running_loop().time() - begun)
        self._admission.hand_over(run_id)
        self._quotas.hand_over(run_id)
        return unended

    async def _offer(self, live: LiveRun, question: Message, reply: Message) -> End:
        clock = asyncio.get_running_loop().time
        run, begun = live.record.run, clock()
        offer = Offer(
            self._processes.choose(),
            live.record.owner_id,
            run.id,
            run.chat_id,
            question.id,
            reply.id,
            live.record.epoch,
        )
        if self._processes.no_worker:
            self._tell_where(live)
        for pause_s in chain(PAUSES_S, repeat(PAUSES_S[-1])):
            await self._say(offer)
            await asyncio.sleep(pause_s)
            try:
                record = await self._store.get_run(live.record.owner_id, run.id)
            except NotFound:
                return End("stopped", "deleted")
            except AIChatError:
                continue  # the workers do not find it now either
            if record.epoch > live.record.epoch or record.run.ended:
                return LET_GO
            if _is_kept(live.record) and clock() - begun >= KEPT_S:
                return End("interrupted", "server_restarted")
            offer = msgspec.structs.replace(offer, worker=None)
            if clock() - begun >= NO_WORKER_S:
                self._tell_where(live)
        raise AssertionError("it is offered for ever")

    async def _say(self, offer: Offer) -> None:
        try:
            await self._bus.publish(OFFERS, msgspec.json.encode(offer))
        except BusUnavailable:
            self._log.debug("The bus takes no offers; workers find run %s in the store", offer.run)

    def _tell_where(self, live: LiveRun) -> None:
        """Say that nobody takes it, and how many of this process wait before it, where that is news."""
        run_id = live.record.run.id
        position = 1 + list(self._offered).index(run_id)
        if position != self._offered[run_id]:
            self._offered[run_id] = position
            live.tell(QueuePosition(position, None, "no_worker"))

    async def _end(self, live: LiveRun, end: End) -> End | None:
        """End a run that nobody writes; `LET_GO` where a worker has it by now, which honours what the store says of it."""
        record = live.record
        try:
            held = record if _is_kept(record) else await self._claim(record)
            won = await self._write_end(live, held, end) if held else None
            if won is None:
                return await self._whose(live)
        except AIChatError as error:
            self._log.warning("The end of run %s, which nobody has, was not written: %s", record.run.id, error.code)
            return end
        live.finish(finished_of(won))
        self._observer.ended(unwritten_run(record, end.outcome, end.reason))
        return None

    async def _claim(self, record: RunRecord) -> RunRecord | None:
        return await self._store.claim(record.owner_id, record.run.id, record.epoch, self._id)

    async def _write_end(self, live: LiveRun, held: RunRecord, end: End) -> RunRecord | None:
        message = live.message()
        charge = charge_of(live, end.outcome, self._estimator) if self._quotas.charges else None
        written = RunEnd(
            end.outcome, end.reason, end.error, message.usage, message.parts, live.log.seq + 1, charge=charge
        )
        return await self._store.end_run(held.owner_id, held.run.id, held.epoch, written)

    async def _whose(self, live: LiveRun) -> End | None:
        """Leave a run to whoever has it; one that is gone ends as that."""
        try:
            await self._store.get_run(live.record.owner_id, live.record.run.id)
        except NotFound:
            live.finish(RunFinished("stopped", "deleted"))
            return None
        return LET_GO


def _is_kept(record: RunRecord) -> bool:
    """Whether it is this process's, for a worker; else it is nobody's."""
    return record.epoch > NOBODYS_EPOCH
