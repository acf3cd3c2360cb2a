"""A run's first moments in a process that asks no model: it is offered to the workers until one of them has it.

    committed, nobody's ── offered to one worker ── taken ── let go of: the readers go on with what the worker writes
     (epoch 0)               └─ after half a second to all, again and again
                             └─ after five: `queue_position {cause: no_worker}`
                             └─ stop, delete: claimed here, and ended

The offer is a signal, which may be lost: workers also look into the store for what nobody has, and this process looks whether
somebody has it. It stands for the generator in `Workers`, and as that does it ends a run or lets go of it.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import chain, repeat

import msgspec

from jupyter_aichat.bus.base import Bus
from jupyter_aichat.domain.event import QueuePosition, RunFinished
from jupyter_aichat.domain.ids import InstanceId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.run import RunEnd
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.generation import LET_GO, End, accept_cancellation, finished_of
from jupyter_aichat.engine.live import LiveRun
from jupyter_aichat.engine.observer import Observer, unwritten_run
from jupyter_aichat.engine.offers import OFFERS, Offer
from jupyter_aichat.engine.processes import Processes
from jupyter_aichat.errors import AIChatError, BusUnavailable, NotFound
from jupyter_aichat.limits.quotas import Quotas
from jupyter_aichat.stores.base import Store

PAUSES_S = (0.5, 0.5, 1.0, 1.0, 2.0)
NO_WORKER_S = 5.0


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
        processes: Processes,
        observer: Observer,
        log: logging.Logger,
    ) -> None:
        self._id, self._store, self._bus, self._log = instance, store, bus, log
        self._admission, self._quotas, self._processes, self._observer = admission, quotas, processes, observer
        self._offered: dict[RunId, int] = {}
        """The runs that nobody has yet, each with the position that its readers were told."""

    @property
    def waiting(self) -> int:
        """How many runs wait for a worker."""
        return len(self._offered)

    async def run(self, live: LiveRun, question: Message, reply: Message, wanted: asyncio.Future[End]) -> End | None:
        """Offer a run until a worker has it: `LET_GO`; or end it early, as `wanted` says: None."""
        run_id = live.record.run.id
        self._offered[run_id], begun = 0, asyncio.get_running_loop().time()
        self._observer.offered(live.record)
        try:
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
        if end is not LET_GO and await self._end(live, end):
            self._admission.leave(run_id)
            await self._quotas.settle(run_id)
            return None
        self._observer.taken(asyncio.get_running_loop().time() - begun)
        self._admission.hand_over(run_id)
        self._quotas.hand_over(run_id)
        return LET_GO

    async def _offer(self, live: LiveRun, question: Message, reply: Message) -> End:
        clock = asyncio.get_running_loop().time
        run, begun = live.record.run, clock()
        offer = Offer(self._processes.choose(), live.record.owner_id, run.id, run.chat_id, question.id, reply.id)
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

    async def _end(self, live: LiveRun, end: End) -> bool:
        """End a run that nobody has; False where a worker has it by now, which honours what the store says of it."""
        record = live.record
        try:
            claimed = await self._store.claim(record.owner_id, record.run.id, record.epoch, self._id)
            if claimed is None:
                return await self._is_gone(live)
            written = RunEnd(end.outcome, end.reason, end.error, seq=live.log.seq + 1)
            won = await self._store.end_run(record.owner_id, record.run.id, claimed.epoch, written)
        except AIChatError as error:
            self._log.warning("The end of run %s, which nobody has, was not written: %s", record.run.id, error.code)
            return False
        live.finish(finished_of(won))
        self._observer.ended(unwritten_run(record, end.outcome, end.reason))
        return True

    async def _is_gone(self, live: LiveRun) -> bool:
        try:
            await self._store.get_run(live.record.owner_id, live.record.run.id)
        except NotFound:
            live.finish(RunFinished("stopped", "deleted"))
            return True
        return False
