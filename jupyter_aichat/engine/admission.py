"""Admission: how many answers a model writes at once, and who is next.

Ollama takes any number of requests for a loaded model and lets them wait without a word, without a bound and in the order
of their arrival. So runs wait here, before it: bounded, owners in turn, told where they stand. A model that takes any
number has no line, and its runs cost nothing here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from traitlets import Dict, Int, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_aichat.bus.base import Bus, Unsubscribe
from jupyter_aichat.cache.base import Bounds, Queue, Ticket
from jupyter_aichat.domain.ids import InstanceId, RunId
from jupyter_aichat.domain.pattern import fits_model
from jupyter_aichat.domain.run import FIRST_EPOCH, RunRecord
from jupyter_aichat.engine.audience import Audience
from jupyter_aichat.engine.line import Line
from jupyter_aichat.engine.live import LiveRun
from jupyter_aichat.engine.place import Place
from jupyter_aichat.errors import BusUnavailable, CacheUnavailable
from jupyter_aichat.logs.context import nobodys

TOPIC = "admitted"
LOOK_S = 1.0
RENEW_EVERY = 2
PRESENT_S = 3.0


class _Granted(msgspec.Struct, frozen=True, array_like=True):
    line: str
    runs: tuple[RunId, ...]


class Door:
    """The line before the model, for one run."""

    __slots__ = ("_admission", "_live")

    def __init__(self, admission: Admission, live: LiveRun) -> None:
        self._admission, self._live = admission, live

    async def enter(self) -> None:
        """See `Admission.enter`."""
        await self._admission.enter(self._live)

    def leave(self) -> None:
        """See `Admission.leave`."""
        self._admission.leave(self._live.record.run.id)

    def lend(self) -> Callable[[], None]:
        """See `Admission.lend`."""
        return self._admission.lend(self._live.record.run.id)


class Admission(LoggingConfigurable):
    """Who may ask a model now.

    Parameters
    ----------
    shared
        The queue of all processes; without one nobody waits.
    alone
        A queue of this process for while the shared one is away. None where `shared` is this process's own.
    """

    capacity = Dict(
        key_trait=Unicode(), value_trait=Int(min=0),
        help="How many answers a model writes at once, by patterns of `provider/model` or `model` of which the first that "
        "fits counts, such as {'ollama/llama3.2:*': 4, '*': 1}; 0 is any number. Default: what the provider says "
        "(OllamaProvider.parallel, of all servers together), else 1 where processes share a Redis and any number in a server on its own.",
    ).tag(config=True)  # fmt: skip
    max_per_user = Int(
        16, min=1, help="How many answers of one user may be written or wait at once, for each model with a capacity."
    ).tag(config=True)
    max_waiting = Int(
        1000, min=0, help="How many answers of all users may wait at once, for each model with a capacity."
    ).tag(config=True)

    def __init__(self, shared: Queue | None = None, alone: Queue | None = None, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._shared, self._alone = shared, alone
        self._lines: dict[str, Line] = {}
        self._places: dict[RunId, Place] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._present = 1
        self._bus: Bus | None = None
        self._unsubscribe: Unsubscribe | None = None

    @property
    def queues(self) -> tuple[Queue, ...]:
        """What must be opened before and closed after."""
        return tuple(queue for queue in (self._shared, self._alone) if queue is not None)

    @property
    def waiting(self) -> dict[str, int]:
        """How many runs of this process wait, by line."""
        return {name: len(line.waiting) for name, line in self._lines.items()}

    @property
    def lines_alone(self) -> int:
        """How many lines are counted by this process alone."""
        return sum(line.is_alone for line in self._lines.values())

    def start(
        self,
        instance: InstanceId,
        bus: Bus,
        *,
        parallel: Callable[[str, str], int | None],
        reads: Callable[[RunId], bool],
        disconnected: Callable[[RunId], None],
        on_disconnect_s: float | None,
        log: logging.Logger,
    ) -> None:
        """Begin.

        Parameters
        ----------
        parallel
            Returns what is known of a provider and a model, by their names: see `Provider.parallel_of`.
        reads
            Returns whether a run of another process is read here.
        disconnected
            Called with a run that waits and whose last reader, in any process, went `on_disconnect_s` seconds ago (None: never called).
        """
        self._instance, self._bus, self._parallel, self._log = instance, bus, parallel, log
        self._disconnected, self._on_disconnect_s = disconnected, on_disconnect_s
        self._unsubscribe = bus.subscribe(TOPIC, self._on_granted)
        self._audience = Audience(bus, reads, self._is_read, log)
        self._audience.start()
        if self._alone is not None:
            self._spawn(self._be_present(), "aichat-present")

    async def stop(self) -> None:
        """Give all places back and end."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            await self._audience.stop()
        self._places.clear()
        for line in self._lines.values():
            for place in list(line.places.values()):
                place.leave()
            await line.left()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def reserve(self, record: RunRecord) -> bool:
        """Take a place for a run that is about to be committed; raises `TooManyRuns` or `QueueFull`.

        Return whether the run will have to wait. The place is kept until `leave`.
        """
        place = await self._reserve(record, ahead=False)
        return place is not None and place.waits

    async def enter(self, live: LiveRun) -> None:
        """Wait until a run is admitted, and tell its readers where it stands meanwhile.

        One of a process that died has the place that it had, or the next one, and is never refused.
        """
        record = live.record
        place = self._places.get(record.run.id)
        if place is None and record.epoch > FIRST_EPOCH:
            place = await self._reserve(record, ahead=True)
        if place is not None:
            await place.entered(live)

    async def adopt(self, record: RunRecord) -> bool:
        """Take over the place of a run that another process committed; it is never refused. Return whether it waits."""
        place = await self._reserve(record, ahead=True)
        return place is not None and place.waits

    def leave(self, run_id: RunId) -> None:
        """Give a run's place back, if it has one."""
        if place := self._places.pop(run_id, None):
            place.leave()

    def hand_over(self, run_id: RunId) -> None:
        """Leave a run's place to the process that goes on with it."""
        if place := self._places.pop(run_id, None):
            place.hand_over()

    def door(self, live: LiveRun) -> Door:
        """Return the line before the model as one run sees it."""
        return Door(self, live)

    def lend(self, run_id: RunId) -> Callable[[], None]:
        """Let a run's place outlive the run: others read its answer. Return what gives it back."""
        place = self._places.pop(run_id, None)
        return place.leave if place else _nothing

    async def _reserve(self, record: RunRecord, *, ahead: bool) -> Place | None:
        asked = record.generation
        capacity = self.capacity_of(asked.provider, asked.model)
        if not capacity or self._shared is None:
            return None
        line = self._line(f"{asked.provider}/{asked.model}", capacity, self._shared)
        place = await line.reserve(Ticket(record.run.id, record.owner_id), ahead=ahead)
        self._places[record.run.id] = place
        if self._watching is None:
            self._watching = self._spawn(self._watch(), "aichat-admission")
        return place

    def capacity_of(self, provider: str, model: str) -> int:
        """Return how many answers of a model are written at once; 0 is any number."""
        if self._shared is None or not provider:
            return 0
        for pattern, capacity in self.capacity.items():
            if fits_model(pattern, model, provider):
                return int(capacity)
        known = self._parallel(provider, model)
        return known if known is not None else int(self._alone is not None)

    def _line(self, name: str, capacity: int, shared: Queue) -> Line:
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = Line(
                name,
                Bounds(capacity, self.max_per_user, self.max_waiting),
                self._instance,
                shared=shared,
                alone=self._alone or shared,
                share=lambda capacity: max(capacity // self._present, 1),
                elsewhere=self._tell_elsewhere,
                log=self._log,
            )
        line.resize(capacity)
        return line

    async def _watch(self) -> None:
        """Look after the lines once a second, until nothing of this process is in one."""
        count = 0
        try:
            while any(not line.idle for line in self._lines.values()):
                await asyncio.sleep(LOOK_S)
                count += 1
                await asyncio.gather(*(self._look(line, count) for line in self._lines.values() if not line.idle))
        finally:
            self._watching = None

    async def _look(self, line: Line, count: int) -> None:
        try:
            line.resize(self.capacity_of(*line.name.split("/", 1)))
            if line.waiting or line.is_alone or count % RENEW_EVERY == 0:
                await line.look()
            if self._on_disconnect_s is not None:
                await self._drop_unread(line, self._on_disconnect_s)
        except Exception:  # noqa: BLE001 (those who wait must not wait for ever by one fault)
            self._log.exception("Looking after the queue before %s failed", line.name)

    async def _drop_unread(self, line: Line, after_s: float) -> None:
        """Let those leave whom nobody reads: the other processes are asked, and have until the next look to answer."""
        now = asyncio.get_running_loop().time()
        for place in line.waiting:
            since = place.live.unread_since if place.live else None
            if since is None or now - since < after_s:
                place.asked = False
            elif place.asked:
                self._disconnected(place.ticket.id)
            else:
                place.asked = await self._audience.ask(place.ticket.id)

    def _is_read(self, run_id: RunId) -> None:
        place = self._places.get(run_id)
        if place is not None and place.live is not None and place.live.unread_since is not None:
            place.live.unread_since = asyncio.get_running_loop().time()

    async def _be_present(self) -> None:
        """Be counted, so that each knows its share when the shared queue goes away."""
        while self._shared is not None:
            with suppress(CacheUnavailable):  # then as many as there were before
                self._present = max(await self._shared.present(self._instance), 1)
            await asyncio.sleep(PRESENT_S)

    def _tell_elsewhere(self, line: str, runs: Sequence[RunId]) -> None:
        self._spawn(self._publish(_Granted(line, tuple(runs))), "aichat-admitted")

    async def _publish(self, granted: _Granted) -> None:
        assert self._bus is not None
        try:
            await self._bus.publish(TOPIC, msgspec.json.encode(granted))
        except BusUnavailable:
            self._log.debug("The bus takes no signals; those admitted find out within %s s", LOOK_S)

    def _on_granted(self, payload: bytes) -> None:
        granted = msgspec.json.decode(payload, type=_Granted)
        line = self._lines.get(granted.line)
        if line is not None and not line.is_alone:
            for run_id in granted.runs:
                line.admit(run_id)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name, context=nobodys())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _nothing() -> None:
    """Give back what was not taken."""
