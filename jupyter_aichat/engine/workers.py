"""The runs that this process generates, and the tasks that do it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from jupyter_aichat.bus.base import Bus
from jupyter_aichat.domain.ids import ChatId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.run import RunRecord
from jupyter_aichat.engine.generation import End, Generator
from jupyter_aichat.engine.journal import Journal
from jupyter_aichat.engine.live import LiveRun

_STOPPING = End("interrupted", "server_stopping")


class _Worker:
    __slots__ = ("begun", "live", "task", "wanted")

    def __init__(self, live: LiveRun, wanted: asyncio.Future[End]) -> None:
        self.live, self.wanted = live, wanted
        self.begun = False
        self.task: asyncio.Task[None] | None = None


class Workers:
    """Starts, finds and ends the runs of this process."""

    def __init__(self, generator: Generator, journal: Journal, bus: Bus) -> None:
        self._generator, self._journal, self._bus = generator, journal, bus
        self._workers: dict[RunId, _Worker] = {}
        self._ended: dict[RunId, LiveRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.stopping = False

    def __len__(self) -> int:
        return len(self._workers)

    def __iter__(self) -> Iterator[LiveRun]:
        return iter([worker.live for worker in self._workers.values()])

    def find(self, run_id: RunId) -> LiveRun | None:
        """Return a run of this process that has not ended."""
        worker = self._workers.get(run_id)
        return worker.live if worker else None

    def find_log(self, run_id: RunId) -> LiveRun | None:
        """Return a run whose log is here: it goes on, or its last events are not on the bus yet."""
        return self.find(run_id) or self._ended.get(run_id)

    def start(self, record: RunRecord, question: Message, reply: Message) -> LiveRun:
        """Begin to generate a claimed run: the `reply` to a `question`."""
        live = LiveRun(record, reply, self._journal.note)
        worker = _Worker(live, asyncio.get_running_loop().create_future())
        self._workers[record.run.id] = worker
        if self.stopping:
            worker.wanted.set_result(_STOPPING)
        worker.task = asyncio.create_task(self._work(worker, question, reply), name=f"aichat-run-{record.run.id}")
        self._tasks.add(worker.task)
        worker.task.add_done_callback(self._tasks.discard)
        return live

    async def _work(self, worker: _Worker, question: Message, reply: Message) -> None:
        run_id = worker.live.record.run.id
        worker.begun = True
        try:
            await self._generator.run(worker.live, question, reply, worker.wanted)
        finally:
            self._workers.pop(run_id, None)
        self._ended[run_id] = worker.live
        await self._journal.drain()
        del self._ended[run_id]
        await self._bus.expire(run_id)

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
        for run_id in list(self._workers):
            self.end(run_id, _STOPPING)
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=grace_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1)
