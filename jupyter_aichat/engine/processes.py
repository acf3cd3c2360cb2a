"""The processes of one service: which of them live, what each does, and which worker should have the next question.

Each says so over the bus every two seconds, and at once to one that it hears of for the first time. Who is not heard of for
five seconds is gone, as far as questions are concerned; who has runs, and is surely dead, the store knows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from jupyter_aichat.bus.base import Bus, Unsubscribe
from jupyter_aichat.domain.ids import InstanceId
from jupyter_aichat.domain.process import ProcessRole, Roles
from jupyter_aichat.engine.instance import LEFT_TOPIC
from jupyter_aichat.errors import BusUnavailable
from jupyter_aichat.logs.context import nobodys

TOPIC = "process"
TELL_S = 2.0
HEARD_S = 5.0


class News(msgspec.Struct, frozen=True, array_like=True):
    """What a process says of itself; ``runs``: how many answers it is writing."""

    instance: InstanceId
    roles: tuple[ProcessRole, ...]
    runs: int


class _Heard(msgspec.Struct):
    news: News
    at: float
    offered: int = 0


class Processes:
    """All processes of the service, this one included.

    Parameters
    ----------
    runs
        Returns how many answers this process is writing.
    """

    def __init__(
        self, instance: InstanceId, roles: Roles, bus: Bus, runs: Callable[[], int], log: logging.Logger
    ) -> None:
        self._id, self._roles, self._bus, self._runs, self._log = instance, roles, bus, runs, log
        self._heard: dict[InstanceId, _Heard] = {}
        self._hears_since = float("inf")
        self._unsubscribes: list[Unsubscribe] = []
        self._task: asyncio.Task[None] | None = None
        self._soon = asyncio.Event()

    def start(self) -> None:
        """Listen, and tell."""
        self._unsubscribes = [self._bus.subscribe(TOPIC, self._hear), self._bus.subscribe(LEFT_TOPIC, self._forget)]
        self._task = asyncio.create_task(self._tell_on(), name="aichat-processes", context=nobodys())

    async def stop(self) -> None:
        """Tell nothing more."""
        for unsubscribe in self._unsubscribes:
            unsubscribe()
        self._unsubscribes = []
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @property
    def workers(self) -> int:
        """How many workers there are."""
        return sum("worker" in each.news.roles for each in self._living())

    @property
    def no_worker(self) -> bool:
        """Whether surely no worker is there: this process hears itself, and for long enough to have heard any other."""
        own, now = self._heard.get(self._id), time.monotonic()
        hears = own is not None and now - own.at < HEARD_S - TELL_S  # sooner than others are forgotten, if the bus goes
        return hears and now - self._hears_since >= HEARD_S and not self.workers

    @property
    def need_workers(self) -> bool:
        """Whether there is a process that leaves its questions to workers."""
        return any("worker" not in each.news.roles for each in self._living())

    def choose(self) -> InstanceId | None:
        """Return the worker that has the least to do, by what it said and was given since; None where none is known."""
        workers = [each for each in self._living() if "worker" in each.news.roles]
        if not workers:
            return None
        chosen = min(workers, key=lambda each: each.news.runs + each.offered)
        chosen.offered += 1
        return chosen.news.instance

    def _living(self) -> list[_Heard]:
        oldest = time.monotonic() - HEARD_S
        if any(each.at < oldest for each in self._heard.values()):
            self._heard = {instance: each for instance, each in self._heard.items() if each.at >= oldest}
        return list(self._heard.values())

    def _hear(self, payload: bytes) -> None:
        news = msgspec.json.decode(payload, type=News)
        before, now = self._heard.get(news.instance), time.monotonic()
        if news.instance == self._id:
            if before is None or now - before.at >= HEARD_S - TELL_S:
                self._hears_since = now
        elif before is None:
            self._soon.set()
        self._heard[news.instance] = _Heard(news, now)

    def _forget(self, payload: bytes) -> None:
        self._heard.pop(InstanceId(payload.decode()), None)

    async def _tell_on(self) -> None:
        while True:
            self._soon.clear()
            try:
                await self._bus.publish(TOPIC, msgspec.json.encode(News(self._id, tuple(self._roles), self._runs())))
            except BusUnavailable:
                self._log.debug("The bus does not tell the others what this process does")
            with suppress(TimeoutError):
                async with asyncio.timeout(TELL_S):
                    await self._soon.wait()


async def worker_is_heard(bus: Bus, within_s: float = 2 * TELL_S + 0.5) -> bool:
    """Listen on a bus, which is opened and closed again, until a worker says something; False where none does in time.

    One that is busy says it late, and once may be missed.
    """
    heard = asyncio.Event()

    def hear(payload: bytes) -> None:
        if "worker" in msgspec.json.decode(payload, type=News).roles:
            heard.set()

    await bus.open()
    forget = bus.subscribe(TOPIC, hear)
    try:
        async with asyncio.timeout(within_s):
            return await heard.wait()
    except TimeoutError:
        return False
    finally:
        forget()
        await bus.close()
