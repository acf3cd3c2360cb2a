"""What this process's runs leave behind while they go on: their log on the bus, their checkpoints in the store.

All runs share one append per tick and one checkpoint a second. What the bus does not take is not kept: the log of the
run is torn, and begins anew with a snapshot once a checkpoint has it all. A failed checkpoint is kept and tried again;
the store being away too long ends the runs, bounded in time and in text.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from jupyter_aichat.bus.base import Bus, Entry
from jupyter_aichat.domain.event import Snapshot, encode_event
from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.domain.run import Segment, seq_of
from jupyter_aichat.engine.lease import Lease
from jupyter_aichat.engine.live import LiveRun
from jupyter_aichat.engine.log import EncodedEvent
from jupyter_aichat.errors import BusUnavailable, StoreUnavailable
from jupyter_aichat.logs.context import nobodys
from jupyter_aichat.stores.base import Store

CHECKPOINT_S = 1.0
AWAY_S = 60.0
AWAY_CHARACTERS = 1024 * 1024
QUIET_S = 0.25
"""After so long without an event the next one goes at once: a first word, which readers elsewhere wait for."""
HEALED_CHARACTERS = 2 * 1024 * 1024
"""How much text of torn logs one checkpoint begins anew: all of it at once would hold up the loop."""


class _Batch:
    """The events of one tick."""

    __slots__ = ("done", "entries")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.done = asyncio.Event()


class Journal:
    """Writes the log and the checkpoints of all runs.

    Parameters
    ----------
    lost
        Called with a run that another process may have taken, or that may be gone.
    starved
        Called with a run whose checkpoints could not be written for too long.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        lease: Lease,
        *,
        lost: Callable[[RunId], None],
        starved: Callable[[RunId], None],
        log: logging.Logger,
    ) -> None:
        self._store, self._bus, self._lease = store, bus, lease
        self._lost, self._starved, self._log = lost, starved, log
        self._batch: _Batch | None = None
        self._taken: _Batch | None = None
        self._appending: asyncio.Task[None] | None = None
        self._appended_at = float("-inf")
        self._torn: set[RunId] = set()
        self._segments: dict[RunId, list[Segment]] = {}
        self._away_since: float | None = None

    # The log

    def note(self, live: LiveRun, event: EncodedEvent) -> None:
        """Take an event; it goes to the bus with the next tick."""
        run_id = live.record.run.id
        if run_id in self._torn:
            if not event.last:
                return
            self._begin_anew(live, event.seq - 1)
        self._put(Entry(run_id, event.seq, event.data, event.seq == seq_of(live.record.epoch, 1)))

    def _put(self, entry: Entry) -> None:
        if self._batch is None:
            self._batch = _Batch()
        self._batch.entries.append(entry)
        if self._appending is None:
            self._appending = asyncio.create_task(self._append_all(), name="aichat-append", context=nobodys())

    def _begin_anew(self, live: LiveRun, seq: int) -> None:
        """Let the run's log go on from a snapshot, whose last event is `seq`."""
        self._torn.discard(live.record.run.id)
        self._put(Entry(live.record.run.id, seq, encode_event(Snapshot(live.message())), begins=True))

    async def _append_all(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while self._batch is not None:
                await asyncio.sleep(
                    self._appended_at + self._bus.tick_s - clock()
                )  # what comes after silence goes at once
                self._appended_at = clock()
                self._taken, self._batch = self._batch, None
                try:
                    await self._append(self._taken.entries)
                finally:
                    self._taken.done.set()
        finally:
            self._appending = None

    async def _append(self, entries: list[Entry]) -> None:
        if not self._lease.held:  # also a process that was stopped and wakes up here
            self._tear({entry.run_id for entry in entries})
            return
        try:
            appended = await self._bus.append(entries)
        except BusUnavailable:  # degrades, and never ends a run
            self._log.debug("The bus does not take events; readers in other processes ask the store")
            self._tear({entry.run_id for entry in entries})
        else:
            self._tear(appended.refused | appended.missing)
            for run_id in appended.refused:
                self._lost(run_id)

    def _tear(self, runs: set[RunId] | frozenset[RunId]) -> None:
        """Send nothing more of these runs until their logs can begin anew."""
        if runs:
            self._torn |= runs
            if self._batch is not None:
                self._batch.entries = [entry for entry in self._batch.entries if entry.run_id not in runs]

    async def _heal(self, runs: list[LiveRun]) -> None:
        """Begin torn logs anew, now that the store has their text."""
        torn = [live for live in runs if live.record.run.id in self._torn and live.log.n]
        if not torn or not self._lease.held or not await self._bus_works():
            return
        characters = 0
        for live in torn:
            if characters > HEALED_CHARACTERS:
                break
            characters += live.size
            self._begin_anew(live, live.log.seq)

    async def _bus_works(self) -> bool:
        try:
            await self._bus.ping()
        except BusUnavailable:
            return False
        return True

    # The checkpoints

    async def checkpoint(self, runs: Iterable[LiveRun]) -> None:
        """Write what the runs added since the last time, in one transaction."""
        runs = list(runs)
        for live in runs:
            if segments := live.unsaved():
                self._segments.setdefault(live.record.run.id, []).extend(segments)
        batch = [segment for segments in self._segments.values() for segment in segments]
        if batch:
            try:
                lost = await self._store.checkpoint(batch)
            except StoreUnavailable:
                self._starve()
                return
            self._away_since = None
            self._forget(batch)
            for run_id in lost:
                self._lost(run_id)
            await self._trim(batch)
        await self._heal(runs)

    async def _trim(self, written: list[Segment]) -> None:
        try:
            await self._bus.trim({segment.run_id: segment.seq for segment in written})
        except BusUnavailable:  # the next checkpoint trims for this one too
            self._log.debug("The bus was not trimmed")

    def _forget(self, written: list[Segment]) -> None:
        last = {segment.run_id: segment.seq for segment in written}
        for run_id, seq in last.items():
            rest = [segment for segment in self._segments.get(run_id, ()) if segment.seq > seq]
            if rest:
                self._segments[run_id] = rest
            else:
                self._segments.pop(run_id, None)

    def _starve(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._away_since is None:
            self._away_since = now
            self._log.warning("The store does not take checkpoints; answers go on in memory for %d s", AWAY_S)
        too_long = now - self._away_since > AWAY_S
        for run_id, segments in list(self._segments.items()):
            if too_long or sum(len(segment.text) for segment in segments) > AWAY_CHARACTERS:
                self._starved(run_id)

    def drop(self, run_id: RunId) -> None:
        """Forget the text that waits for a run: its end carries it all."""
        self._segments.pop(run_id, None)

    def close(self, run_id: RunId) -> None:
        """Forget a run: it has ended, or another process has it, or it begins here anew."""
        self._segments.pop(run_id, None)
        self._torn.discard(run_id)

    async def drain(self) -> None:
        """Wait until the events noted so far are on the bus; those of other runs that come meanwhile are not waited for."""
        if (batch := self._batch or self._taken) is not None:
            await batch.done.wait()
