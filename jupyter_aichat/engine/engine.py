"""The engine: all rules behind one door, on one event loop."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from traitlets import Enum, Float, Int, Union
from traitlets.config import Configurable

from jupyter_aichat.bus.base import Bus, Unsubscribe
from jupyter_aichat.cache.base import Cache
from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.ids import InstanceId, OwnerId, RunId, new_id
from jupyter_aichat.domain.process import Roles
from jupyter_aichat.domain.readiness import Readiness
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.answers import AnswerCache
from jupyter_aichat.engine.chats import Chats
from jupyter_aichat.engine.clearing import Clearing
from jupyter_aichat.engine.deleting import Deleting
from jupyter_aichat.engine.division import Division
from jupyter_aichat.engine.generation import STARVED, End, Generator
from jupyter_aichat.engine.health import DOWN, Health
from jupyter_aichat.engine.instance import Instance
from jupyter_aichat.engine.journal import Journal
from jupyter_aichat.engine.lease import Lease
from jupyter_aichat.engine.live import LiveRun
from jupyter_aichat.engine.models import Catalogue
from jupyter_aichat.engine.observer import Observer
from jupyter_aichat.engine.owners import Owners
from jupyter_aichat.engine.published import PublishedCatalogue
from jupyter_aichat.engine.retention import Retention
from jupyter_aichat.engine.room import Room
from jupyter_aichat.engine.runs import STOP_TOPIC, Runs
from jupyter_aichat.engine.sweeper import Sweeper
from jupyter_aichat.engine.takeover import Takeover
from jupyter_aichat.engine.transfers import Transfers
from jupyter_aichat.engine.workers import Workers
from jupyter_aichat.limits.quotas import Quotas
from jupyter_aichat.providers.base import Provider
from jupyter_aichat.stores.base import Store

GRACE_S = 4.0


class _Part(Protocol):
    async def open(self) -> None: ...

    async def close(self) -> None: ...


class Engine(Configurable):
    """Chats, runs and models of all owners.

    Parameters
    ----------
    store, bus, cache, providers
        Opened by `start` and closed by `stop`.
    admission
        Who may ask a model now; None lets everybody.
    answers
        Answers that need no model; None keeps none.
    quotas
        Who may have another answer; None lets everybody.
    retention
        How long chats are kept; None keeps them for ever.
    observer
        Is told what runs do; None where nobody watches.
    shared
        Whether the models are many people's, so that none of them may set what reloads one.
    roles
        What this process does where several share the work; None where it does all for itself.
    default_model
        The model to take where none is named; "" for the first loaded, else the first listed.
    """

    on_disconnect = Union(
        [Float(min=0), Enum(("continue",))], default_value="continue",
        help="What becomes of an answer that waits in line when its last reader goes: 'continue', or the seconds after which "
        "it leaves the line. An answer that is being written always goes on.",
    ).tag(config=True)  # fmt: skip
    max_chats = Int(
        20_000, min=0, help="Chats that one person may have, archived ones too; 0 for as many as they like."
    ).tag(config=True)

    def __init__(
        self,
        store: Store,
        bus: Bus,
        cache: Cache,
        providers: Sequence[Provider],
        *,
        default_model: str = "",
        admission: Admission | None = None,
        answers: AnswerCache | None = None,
        quotas: Quotas | None = None,
        retention: Retention | None = None,
        shared: bool = False,
        roles: Roles | None = None,
        observer: Observer | None = None,
        parent: Configurable | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        super().__init__(parent=parent)
        log = log or logging.getLogger(__name__)
        self._id = InstanceId(new_id())
        self._store, self._bus, self._cache, self._providers, self._log = store, bus, cache, tuple(providers), log
        self._observer = observer or Observer()
        self.generates = roles is None or "worker" in roles
        self.models = (
            Catalogue(self._providers, cache, default_model, log)
            if self.generates
            else PublishedCatalogue(cache, default_model, log)
        )
        self._lease = Lease(self._lapsed)
        self._journal = Journal(store, bus, self._lease, lost=self._lost, starved=self._starved, log=log)
        self._admission = admission or Admission()
        self.answers = answers or AnswerCache()
        self.quotas = quotas or Quotas()
        self.retention = retention or Retention()
        generator = self._make_generator()
        self._division = None if roles is None else self._make_division(roles, generator)
        offering = None if self._division is None else self._division.offering
        self._workers = Workers(
            generator if offering is None else offering, self._journal, bus, self._lease, self._moved
        )
        self._owners = Owners(bus, log)
        room = Room(store, self.max_chats)
        self.runs = self._make_runs(room, shared=shared)
        self._clearing = Clearing(store, log)
        self._deleting = Deleting(
            store, bus, self._owners, end=self._end_deleted, forget=self.answers.forget, gone=self._clearing.soon
        )
        self.chats = Chats(
            store, self._workers, self._owners, self.answers, deleting=self._deleting, room=room, shared=shared
        )
        self.transfers = Transfers(store, self._owners, room, shared=shared)
        self._health = Health(store.ping, bus.ping, cache.ping, self.models, log)
        self._instance = self._make_instance(generator)
        self._unsubscribe: Unsubscribe | None = None
        self._opened: list[_Part] = []
        self._started = False

    def _make_generator(self) -> Generator:
        return Generator(
            store=self._store,
            catalogue=self.models,
            admission=self._admission,
            answers=self.answers,
            quotas=self.quotas,
            journal=self._journal,
            observer=self._observer,
            log=self._log,
        )

    def _make_runs(self, room: Room, *, shared: bool) -> Runs:
        return Runs(
            store=self._store,
            bus=self._bus,
            catalogue=self.models,
            admission=self._admission,
            quotas=self.quotas,
            observer=self._observer,
            workers=self._workers,
            owners=self._owners,
            room=room,
            instance=self._id,
            shared=shared,
            generates=self.generates,
            log=self._log,
        )

    def _make_instance(self, generator: Generator) -> Instance:
        self._takeover = Takeover(
            instance=self._id,
            store=self._store,
            bus=self._bus,
            catalogue=self.models,
            estimator=generator.estimator,
            workers=self._workers,
            observer=self._observer,
            generates=self.generates,
            log=self._log,
        )
        sweeper = Sweeper(
            instance=self._id,
            store=self._store,
            workers=self._workers,
            owners=self._owners,
            takeover=self._takeover,
            estimator=generator.estimator,
            takes=self._takes,
            charges=self.quotas.charges,
            suspect=self._lost,
            observer=self._observer,
            log=self._log,
        )
        return Instance(
            instance=self._id,
            store=self._store,
            bus=self._bus,
            lease=self._lease,
            workers=self._workers,
            journal=self._journal,
            owners=self._owners,
            sweeper=sweeper,
            log=self._log,
        )

    def _make_division(self, roles: Roles, generator: Generator) -> Division:
        return Division(
            instance=self._id,
            roles=roles,
            store=self._store,
            bus=self._bus,
            cache=self._cache,
            catalogue=self.models,
            admission=self._admission,
            quotas=self.quotas,
            estimator=generator.estimator,
            observer=self._observer,
            runs=lambda: self.active_runs,
            log=self._log,
        )

    @property
    def active_runs(self) -> int:
        """How many answers this process is writing."""
        return len(self._workers)

    @property
    def runs_by_state(self) -> dict[str, int]:
        """How many answers this process has in each state."""
        return Counter[str](live.state for live in self._workers)

    @property
    def waiting(self) -> dict[str, int]:
        """How many answers of this process wait before each model that has a line."""
        return self._admission.waiting

    @property
    def workers(self) -> int:
        """How many processes ask the models, as far as this one hears of them; 1 where it shares its work with none."""
        return 1 if self._division is None else self._division.processes.workers

    @property
    def unclaimed(self) -> int:
        """How many answers of this process no worker has taken yet."""
        return 0 if self._division is None else self._division.unclaimed

    @property
    def lines_alone(self) -> int:
        """How many lines this process counts on its own, because the shared queue is away."""
        return self._admission.lines_alone

    async def start(self) -> None:
        """Open all parts and join; a store that cannot be opened raises, and what was opened is closed again."""
        try:
            parts: tuple[_Part, ...] = (
                self._store, self._bus, self._cache, *self._admission.queues,
                *(self._providers if self.generates else ()),
            )  # fmt: skip
            for part in parts:
                self._opened.append(part)
                await part.open()
            self._owners.start()
            self._unsubscribe = self._bus.subscribe(STOP_TOPIC, self.runs.on_stop_signal)
            self._start_admission()
            await self.answers.start(self._cache, self._log)
            self.quotas.start()
            await self._instance.start()
        except BaseException:
            await self._admission.stop()
            await self.quotas.stop()
            await self._close()
            raise
        if self._division is not None:
            self._division.start(self._workers, self._takeover)
        self._health.start()
        self._clearing.start()
        self.retention.start(self._store, self._deleting, self._cache, self._log)
        self._started = True

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Hand the runs of this process over to the others, and close all parts; may be called twice.

        Where nobody could take them over, they end as interrupted, their text kept.
        """
        if self._started:
            self._started = False
            await self.retention.stop()
            await self._clearing.stop()
            await self._instance.stop_sweeping()
            if self._division is not None:
                await self._division.stop()
            await (self._workers.hand_over if self._store.takes_over else self._workers.stop)(grace_s)
            await self.answers.stop()
            await self._admission.stop()
            await self.quotas.stop()
            await self._health.stop()
            await self.models.stop()
            await self._instance.stop()
        await self._close()

    async def _close(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._owners.stop()
        self._lease.stop()
        while self._opened:
            part = self._opened.pop()
            try:
                await part.close()
            except Exception:  # noqa: BLE001 (the other parts must be closed all the same)
                self._log.exception("Closing %s failed", type(part).__name__)

    async def readiness(self) -> Readiness:
        """Return whether the parts work; down before `start` and after `stop`."""
        return await self._health.readiness() if self._started else DOWN

    def end_deleted(self, _owner: OwnerId, runs: Sequence[RunId]) -> None:
        """End the runs of an owner who is deleted; those of other processes end at their next checkpoint, which matches nothing."""
        for run_id in runs:
            self._end_deleted(run_id)

    def _end_deleted(self, run_id: RunId) -> bool:
        return self._workers.end(run_id, End("stopped", "deleted"))

    def watch(self, owner: OwnerId, watcher: Callable[[Change], None]) -> Unsubscribe:
        """Call `watcher` at each change of the owner's chats, whichever process made it."""
        return self._owners.watch(owner, watcher)

    def watch_service(self, watcher: Callable[[Readiness], None]) -> Unsubscribe:
        """Call `watcher` whenever the readiness changes."""
        return self._health.watch(watcher)

    def _start_admission(self) -> None:
        self._admission.start(
            self._id,
            self._bus,
            parallel=self.models.parallel,
            reads=self.runs.reads,
            disconnected=self._disconnected,
            on_disconnect_s=None if self.on_disconnect == "continue" else float(self.on_disconnect),
            log=self._log,
        )

    def _disconnected(self, run_id: RunId) -> None:
        self._workers.end(run_id, End("stopped", "disconnected"))

    def _takes(self) -> bool:
        """Whether what the dead left is for this process: workers go on with it, and where none is left, it is kept for one."""
        return self.generates or (self._division is not None and self._division.processes.no_worker)

    def _lost(self, run_id: RunId) -> None:
        self._instance.suspect(run_id)

    def _lapsed(self) -> None:
        if self.active_runs:
            self._observer.lapsed()
            self._log.warning("This process cannot be sure of its runs any more and lets go of them")
        self._workers.let_go()

    def _moved(self, live: LiveRun) -> None:
        self.runs.follow_on(live)

    def _starved(self, run_id: RunId) -> None:
        self._workers.end(run_id, End("interrupted", STARVED))
