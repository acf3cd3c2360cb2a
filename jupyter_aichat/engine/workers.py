"""The runs that this process generates, and the tasks that do it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol

from jupyter_aichat.bus.base import Bus
from jupyter_aichat.domain.ids import ChatId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.run import RunRecord
from jupyter_aichat.engine.generation import LET_GO, End
from jupyter_aichat.engine.journal import Journal
from jupyter_aichat.engine.lease import Lease
from jupyter_aichat.engine.live import LiveRun
from jupyter_aichat.errors import BusUnavailable
from jupyter_aichat.logs.context import RUN_ID

_STOPPING = End("interrupted", "server_stopping")


class Parked(NamedTuple):
    """A run that was let go of, as it was then: since when, and the end that the store could not be told, if it had one."""

    live: LiveRun
    end: End | None
    since: float

    @property
    def gone_s(self) -> float:
        """For how long nobody has written it, in seconds."""
        return time.monotonic() - self.since


class Work(Protocol):
    """What is done with a run of this process: it is generated, or offered to those who do that."""

    async def run(self, live: LiveRun, question: Message, reply: Message, wanted: asyncio.Future[End]) -> End | None:
        """See `Generator.run`."""
        ...


class _Worker:
    __slots__ = ("begun", "live", "task", "wanted")

    def __init__(self, live: LiveRun, wanted: asyncio.Future[End]) -> None:
        self.live, self.wanted = live, wanted
        self.begun = False
        self.task: asyncio.Task[None] | None = None


class Workers:
    """Starts, finds and ends the runs of this process, or lets go of them.

    Parameters
    ----------
    moved
        Called with a run that was let go of, whose readers must go on from elsewhere.
    """

    def __init__(self, work: Work, journal: Journal, bus: Bus, lease: Lease, moved: Callable[[LiveRun], None]) -> None:
        self._does, self._journal, self._bus, self._lease, self._moved = work, journal, bus, lease, moved
        self._workers: dict[RunId, _Worker] = {}
        self._ended: dict[RunId, LiveRun] = {}
        self._parked: dict[RunId, Parked] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_stop = _STOPPING
        self.stopping = False

    def __len__(self) -> int:
        return len(self._workers)

    def __iter__(self) -> Iterator[LiveRun]:
        return iter([worker.live for worker in self._workers.values()])

    @property
    def accepting(self) -> bool:
        """Whether new runs may begin here: not while the process stops, or is not sure of its own runs."""
        return not self.stopping and self._lease.held

    def find(self, run_id: RunId) -> LiveRun | None:
        """Return a run of this process that has not ended."""
        worker = self._workers.get(run_id)
        return worker.live if worker else None

    def find_log(self, run_id: RunId) -> LiveRun | None:
        """Return a run whose log is here: it goes on, or its last events are not on the bus yet."""
        return self.find(run_id) or self._ended.get(run_id)

    def start(self, record: RunRecord, question: Message, reply: Message, end: End | None = None) -> LiveRun:
        """Begin to generate a claimed run, the `reply` to a `question`; with an `end`, only to end it."""
        run_id = record.run.id
        self._journal.close(run_id)
        self._parked.pop(run_id, None)
        live = LiveRun(record, reply, self._journal.note)
        worker = _Worker(live, asyncio.get_running_loop().create_future())
        self._workers[run_id] = worker
        if end is not None or self.stopping:
            worker.wanted.set_result(end or self._at_stop)
        worker.task = asyncio.create_task(self._work(worker, question, reply), name=f"aichat-run-{run_id}")
        self._tasks.add(worker.task)
        worker.task.add_done_callback(self._tasks.discard)
        return live

    async def _work(self, worker: _Worker, question: Message, reply: Message) -> None:
        live = worker.live
        run_id = live.record.run.id
        worker.begun = True
        RUN_ID.set(run_id)
        unended: End | None = None
        try:
            unended = await self._does.run(live, question, reply, worker.wanted)
        finally:
            if self._workers.get(run_id) is worker:
                del self._workers[run_id]
        if unended is not None:
            self._park(live, unended)
            return
        self._ended[run_id] = live
        await self._journal.drain()
        self._journal.close(run_id)
        del self._ended[run_id]
        with suppress(BusUnavailable):  # which forgets a log that nobody goes on with by itself, later
            await self._bus.expire(run_id)

    # Ends

    def end(self, run_id: RunId, end: End) -> bool:
        """Ask a run of this process to end early; only the first wish counts. False where it is not here."""
        worker = self._workers.get(run_id)
        if worker is None or worker.task is None:
            return False
        if not worker.wanted.done():
            worker.wanted.set_result(end)
            if worker.begun:  # cancelled before its first step, a task would never take it, and the run never end
                worker.task.cancel()
        return True

    def end_chat(self, chat_id: ChatId) -> None:
        """End the runs of a chat that is gone."""
        for live in self:
            if live.record.run.chat_id == chat_id:
                self.end(live.record.run.id, End("stopped", "deleted"))

    async def stop(self, grace_s: float) -> None:
        """End all runs as interrupted, their text kept, and wait for their ends; later ones end as they begin."""
        self.stopping = True
        self.end_all(_STOPPING)
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=grace_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1)

    def end_all(self, end: End) -> None:
        """Ask all runs of this process to end early."""
        for run_id in list(self._workers):
            self.end(run_id, end)

    # Letting go

    def let_go(self) -> None:
        """Let go of all runs at once: others may have them by now. Those whose end is being written go on trying."""
        self.end_all(LET_GO)

    def settle(self, live: LiveRun, record: RunRecord) -> None:
        """Take the store's word about a run of this process: has it ended, or does another process have it?"""
        run_id = record.run.id
        if self.find(run_id) is not live:
            return
        if record.epoch > live.record.epoch:
            self.end(run_id, LET_GO)
        elif record.run.ended:
            self.end(run_id, End("stopped", "user"))  # whatever it is, the store's word is told

    async def hand_over(self, grace_s: float) -> None:
        """Let go of all runs for others to go on with: the store and the log have all of their text."""
        self._at_stop = LET_GO
        self.let_go()
        await self.stop(grace_s)
        await self._journal.drain()
        await self._journal.checkpoint([parked.live for parked in self._parked.values()])

    def _park(self, live: LiveRun, end: End) -> None:
        self._parked[live.record.run.id] = Parked(live, None if end is LET_GO else end, time.monotonic())
        self._moved(live)

    def parked(self, record: RunRecord) -> Parked | None:
        """Return what was let go of here, if nobody has taken this run since."""
        parked = self._parked.get(record.run.id)
        return parked if parked is not None and parked.live.record.epoch == record.epoch else None

    def forget_parked(self, still_ours: set[RunId]) -> None:
        """Forget what was let go of and is another's by now."""
        for run_id in self._parked.keys() - still_ours:
            del self._parked[run_id]
            self._journal.close(run_id)
