"""This process among the others: it says that it lives, takes what the dead left, and hears what others ask.

Three rhythms, so that none waits for another: its beat every two seconds, which renews the lease on its own runs;
checkpoints, stops, changes and doubts once a second; the dead every half second where the store takes over (it must
watch them to know), else every five.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from jupyter_aichat.bus.base import Bus, Unsubscribe
from jupyter_aichat.domain.ids import InstanceId, RunId
from jupyter_aichat.engine.generation import End
from jupyter_aichat.engine.journal import CHECKPOINT_S, Journal
from jupyter_aichat.engine.lease import Lease
from jupyter_aichat.engine.owners import Owners
from jupyter_aichat.engine.sweeper import Sweeper
from jupyter_aichat.engine.workers import Workers
from jupyter_aichat.errors import AIChatError, BusUnavailable, NotFound
from jupyter_aichat.stores.base import Store

LEFT_TOPIC = "instance-left"
BEAT_S = 2.0
BEAT_TIMEOUT_S = 3.0
WATCH_S = 0.5
SWEEP_S = 5.0


class Instance:
    """The heartbeat of one process that runs the engine."""

    def __init__(
        self,
        *,
        instance: InstanceId,
        store: Store,
        bus: Bus,
        lease: Lease,
        workers: Workers,
        journal: Journal,
        owners: Owners,
        sweeper: Sweeper,
        log: logging.Logger,
    ) -> None:
        self._id, self._store, self._bus, self._lease = instance, store, bus, lease
        self._workers, self._journal, self._owners, self._sweeper, self._log = workers, journal, owners, sweeper, log
        self._position: int | None = None
        self._suspects: set[RunId] = set()
        self._look_soon, self._sweep_soon = asyncio.Event(), asyncio.Event()
        self._own_looked_at = float("-inf")
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Unsubscribe | None = None

    async def start(self) -> None:
        """Join, look for what dead instances left, then go on in three rhythms."""
        await self._join()
        self._position, _ = await self._store.changes(None)
        if not self._store.takes_over:  # else it may take a while, and nobody should wait for it
            await self._sweep()
        self._unsubscribe = self._bus.subscribe(LEFT_TOPIC, lambda _: self._sweep_soon.set())
        sweep_s = WATCH_S if self._store.takes_over else SWEEP_S
        self._tasks = [
            asyncio.create_task(self._every(BEAT_S, self._beat), name="aichat-beat"),
            asyncio.create_task(self._every(CHECKPOINT_S, self._look, self._look_soon), name="aichat-instance"),
            asyncio.create_task(self._every(sweep_s, self._sweep, self._sweep_soon), name="aichat-sweep"),
        ]

    async def stop_sweeping(self) -> None:
        """Take no more runs: this process is about to stop."""
        await _cancel(self._tasks[2:])

    async def stop(self) -> None:
        """Beat no more and leave."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._tasks:
            await _cancel(self._tasks)
            self._tasks = []
            await self._leave()

    async def _leave(self) -> None:
        """Leave; runs that go on are for the others at once. Without others to take them they end here first."""
        try:
            if not self._store.takes_over:
                await self._sweeper.end_own("server_stopping")
            await self._store.leave(self._id)
            await self._bus.publish(LEFT_TOPIC, self._id.encode())
        except BusUnavailable:
            self._log.debug("The bus does not tell the others that this process leaves; they will see it")
        except AIChatError as error:
            self._log.warning("The store does not let this process leave: %s", error.code)

    async def _every(
        self, seconds: float, look: Callable[[], Awaitable[None]], soon: asyncio.Event | None = None
    ) -> None:
        """Look again and again, and at once when `soon` is set; no fault ends it."""
        away = False
        while True:
            begun = time.monotonic()
            try:
                await look()
                away = False
            except AIChatError as error:
                if not away:
                    self._log.warning("The store is away: %s", error.code)
                away = True
            except Exception:  # noqa: BLE001 (the heartbeat of all runs must not end by one fault)
                self._log.exception("A heartbeat failed")
            await _pause(max(seconds - (time.monotonic() - begun), 0.1), soon)

    # The beat

    async def _join(self) -> None:
        begun = time.monotonic()
        await self._store.join(self._id)
        self._renew(begun)

    async def _beat(self) -> None:
        begun = time.monotonic()
        with contextlib.suppress(TimeoutError):  # the next one begins at once
            async with asyncio.timeout(BEAT_TIMEOUT_S):
                await self._store.beat(self._id)
                self._renew(begun)

    def _renew(self, begun: float) -> None:
        if self._store.takes_over:
            if not self._lease.held:
                self._log.info("This process is sure of its runs again")
                self._own_looked_at = float("-inf")
                self._sweep_soon.set()
            self._lease.renew(begun)

    # The look

    async def _look(self) -> None:
        await self._journal.checkpoint(self._workers)
        await self._hear()
        await self._ask_about_suspects()

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

    def suspect(self, run_id: RunId) -> None:
        """Doubt that a run is ours, and ask the store at once."""
        self._suspects.add(run_id)
        self._look_soon.set()

    async def _ask_about_suspects(self) -> None:
        """Let go of runs that another process has by now; end those that are gone."""
        for run_id in tuple(self._suspects):
            live = self._workers.find(run_id)
            if live is not None:
                try:
                    record = await self._store.get_run(live.record.owner_id, run_id)
                except NotFound:
                    self._workers.end(run_id, End("stopped", "deleted"))
                else:
                    self._workers.settle(live, record)
            self._suspects.discard(run_id)

    # The sweep

    async def _sweep(self) -> None:
        """Take what the dead left; look after our own less often, because that costs all of them."""
        await self._sweeper.look_at_others()
        if time.monotonic() - self._own_looked_at >= SWEEP_S - 0.1:
            self._own_looked_at = time.monotonic()
            await self._sweeper.look_at_own()


async def _pause(seconds: float, soon: asyncio.Event | None) -> None:
    if soon is None:
        await asyncio.sleep(seconds)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await soon.wait()
    soon.clear()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
