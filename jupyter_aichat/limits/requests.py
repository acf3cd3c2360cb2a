"""How many requests somebody may make, and how many connections keep open.

Requests are counted for all processes together, over a window that slides: one question to the cache for a request. Who
is refused is not asked about again until there is room. Frames of sockets are counted in this process alone, but for
those that ask for an answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Literal, cast

import msgspec
from traitlets import Bool, Int
from traitlets.config import LoggingConfigurable

from jupyter_aichat.cache.base import Cache, Count
from jupyter_aichat.domain.limit import Rate
from jupyter_aichat.errors import CacheUnavailable, NotReady, RateLimited

Counter = Literal["default", "sends", "stops", "address"]
"""What is counted apart: requests, those that ask for an answer, those that stop one, those of nobody who is logged in."""

WINDOW_S = 60.0
_AGAIN_S = 10
_MOST_REFUSED = 10_000


class Allowance(msgspec.Struct, frozen=True):
    """What is left of a counter, and the seconds until there is more."""

    counter: Counter
    rate: Rate
    left: int
    eases_s: int


class Allowed(msgspec.Struct, frozen=True):
    """Whether a request was let in, and what is left. Where nothing is counted there is nothing to tell."""

    yes: bool
    allowances: tuple[Allowance, ...] = ()

    @property
    def wait_s(self) -> int:
        """Seconds until one more would be let in."""
        return max((each.eases_s for each in self.allowances if each.left == 0), default=1)


class RequestLimits(LoggingConfigurable):
    """How much a service takes from one person, or from one address where nobody is logged in.

    Parameters
    ----------
    shared, alone
        Where requests are counted, and where while that is away.
    """

    per_minute = Int(600, min=0, help="Requests of one user in any minute; 0 is any number.").tag(config=True)
    sends_per_minute = Int(
        30, min=0, help="Answers that one user may ask for in any minute, by whatever way; 0 is any number."
    ).tag(config=True)
    strangers_per_minute = Int(
        1200,
        min=0,
        help="Requests in any minute from one address (of IPv6: one /64 network) that come with no valid login, such as logins "
        "themselves; 0 is any number.",
    ).tag(config=True)
    connections = Int(
        50, min=1, help="Sockets and event streams of one user that may be open at once, in each process."
    ).tag(config=True)
    connections_in_all = Int(
        10_000, min=1, help="Sockets and event streams of all users that may be open at once, in each process."
    ).tag(config=True)
    counts_alone = Bool(
        True,
        help="While Redis is away each process counts alone, so that N replicas allow N times as much. False: nobody gets "
        "anything then.",
    ).tag(config=True)

    def __init__(self, shared: Cache, alone: Cache, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._shared, self._alone = shared, alone
        self._rates: dict[Counter, Rate | None] = {
            "default": _rate_of(self.per_minute),
            "sends": _rate_of(self.sends_per_minute),
            "stops": _rate_of(self.per_minute),
            "address": _rate_of(self.strangers_per_minute),
        }
        self._refused: dict[tuple[str, Counter], float] = {}
        self._open: dict[str, int] = {}
        self._open_in_all = 0

    # Requests

    async def take(self, who: str, *counters: Counter) -> Allowed:
        """Count a request of an owner or an address; raises `NotReady` where it cannot be counted and must be."""
        rates = {counter: rate for counter in counters if (rate := self._rates[counter])}
        if not rates:
            return Allowed(yes=True)
        if (refused := self._refused_before(who, rates)) is not None:
            return refused
        taken, counts = await self._count(f"rate:{who}", rates)
        if not taken:
            self._remember(who, rates, counts)
        return Allowed(taken, tuple(_allowance(each, rate, counts[each]) for each, rate in rates.items()))

    async def frame(self, who: str, counter: Counter) -> None:
        """Count a frame of a socket, or raise `RateLimited`; those that ask for an answer count for all processes."""
        if counter == "sends":
            allowed = await self.take(who, "sends")
            if not allowed.yes:
                raise too_many(allowed)
        local: Counter = "stops" if counter == "stops" else "default"
        if (rate := self._rates[local]) is not None:
            tally = await self._alone.take(f"frames:{who}", {local: rate})
            if not tally.taken:
                wait_s = max(count.eases_s for count in tally.counts.values())
                raise RateLimited("Too many requests; wait a while.", retry_after=max(math.ceil(wait_s), 1))

    async def _count(self, key: str, rates: Mapping[Counter, Rate]) -> tuple[bool, Mapping[str, Count]]:
        named = cast("Mapping[str, Rate]", rates)
        try:
            tally = await self._shared.take(key, named)
        except CacheUnavailable:
            if not self.counts_alone:
                raise NotReady("Requests cannot be counted right now; try again in a moment.") from None
            tally = await self._alone.take(key, named)
        return tally.taken, tally.counts

    def _remember(self, who: str, rates: Mapping[Counter, Rate], counts: Mapping[str, Count]) -> None:
        if len(self._refused) >= _MOST_REFUSED:
            self._refused.clear()
        at = time.monotonic()
        for counter, rate in rates.items():
            if counts[counter].now >= rate.most:
                self._refused[who, counter] = at + counts[counter].eases_s

    def _refused_before(self, who: str, rates: Mapping[Counter, Rate]) -> Allowed | None:
        if not self._refused:
            return None
        at, found = time.monotonic(), list[Allowance]()
        for counter, rate in rates.items():
            until = self._refused.get((who, counter))
            if until is None:
                continue
            if until <= at:
                del self._refused[who, counter]
            else:
                found.append(Allowance(counter, rate, 0, math.ceil(until - at)))
        return Allowed(False, tuple(found)) if found else None

    # Connections

    def _check_connections(self, who: str) -> None:
        if self._open.get(who, 0) >= self.connections:
            raise RateLimited(
                f"You have {self.connections} connections open here; close one.",
                limit=self.connections, retry_after=_AGAIN_S,
            )  # fmt: skip
        if self._open_in_all >= self.connections_in_all:
            raise RateLimited("Too many connections are open here; try again in a moment.", retry_after=_AGAIN_S)

    def connect(self, who: str) -> Callable[[], None]:
        """Count a connection of an owner or an address until what is returned is called; raises `RateLimited`."""
        self._check_connections(who)
        self._open[who] = self._open.get(who, 0) + 1
        self._open_in_all += 1
        counted = True

        def close() -> None:
            nonlocal counted
            if counted:
                counted = False
                self._open_in_all -= 1
                self._open[who] -= 1
                if not self._open[who]:
                    del self._open[who]

        return close


def _rate_of(most: int) -> Rate | None:
    return Rate(most, WINDOW_S) if most else None


def too_many(allowed: Allowed) -> RateLimited:
    """Return what somebody is told whose request was not let in."""
    sends = any(each.counter == "sends" and each.left == 0 for each in allowed.allowances)
    what = "You ask for too many answers" if sends else "Too many requests"
    return RateLimited(f"{what}; wait a while.", retry_after=allowed.wait_s)


def _allowance(counter: Counter, rate: Rate, count: Count) -> Allowance:
    return Allowance(counter, rate, max(rate.most - count.now, 0), max(math.ceil(count.eases_s), 1))
