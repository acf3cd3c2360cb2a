"""Sliding windows and holds of a single process: see `redis_counts_lua`, which says the same in Lua."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

import msgspec

from jupyter_aichat.cache.base import Count, Tally
from jupyter_aichat.domain.limit import Rate

TENTHS = 10
"""Pieces of a window. One more than these is counted, so that a window is never shorter than it says."""


class _Window(msgspec.Struct):
    """What was counted in each tenth, the oldest first, and in all."""

    slots: dict[int, int] = msgspec.field(default_factory=dict)
    total: int = 0

    def leave(self, oldest: int) -> None:
        """Take away the tenths that have left the window."""
        slots = self.slots
        while slots and (first := next(iter(slots))) < oldest:
            self.total -= slots.pop(first)

    def take(self, slot: int) -> None:
        """Count one more."""
        self.slots[slot] = self.slots.get(slot, 0) + 1
        self.total += 1

    def count(self, rate: Rate, now: float) -> Count:
        """Say how many there are, and when there is room."""
        left = self.total
        for slot, counted in self.slots.items():
            left -= counted
            if left < rate.most:
                return Count(self.total, max((slot + TENTHS + 1) * rate.window_s / TENTHS - now, 0.0))
        return Count(self.total, 0.0 if rate.most else rate.window_s)


class Windows:
    """Counts over sliding windows, for so many keys; those that were not used for longest go first."""

    def __init__(self, kept: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept, self._clock = kept, clock
        self._counts: OrderedDict[str, dict[str, _Window]] = OrderedDict()

    def clear(self) -> None:
        """Forget everything."""
        self._counts.clear()

    def take(self, key: str, rates: Mapping[str, Rate]) -> Tally:
        """See `Cache.take`."""
        now = self._clock()
        of_key = self._of(key)
        taken = True
        for name, rate in rates.items():
            window = of_key.get(name)
            if window is None:
                window = of_key[name] = _Window()
            window.leave(_slot(rate, now) - TENTHS)
            taken = taken and window.total < rate.most
        if taken:
            for name, rate in rates.items():
                of_key[name].take(_slot(rate, now))
        return Tally(taken, {name: of_key[name].count(rate, now) for name, rate in rates.items()})

    def _of(self, key: str) -> dict[str, _Window]:
        of_key = self._counts.get(key)
        if of_key is None:
            of_key = self._counts[key] = {}
            if len(self._counts) > self._kept:
                self._counts.popitem(last=False)
        else:
            self._counts.move_to_end(key)
        return of_key


def _slot(rate: Rate, now: float) -> int:
    return int(now * TENTHS // rate.window_s)


class _Held(msgspec.Struct):
    turn: int
    until: float
    amounts: Mapping[str, int]


class Holds:
    """Amounts that holders keep for a time, for so many keys."""

    def __init__(self, kept: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept, self._clock = kept, clock
        self._held: OrderedDict[str, dict[str, _Held]] = OrderedDict()
        self._turn = 0

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()

    def hold(self, key: str, holder: str, amounts: Mapping[str, int], ttl_s: float) -> dict[str, int]:
        """See `Cache.hold`."""
        now = self._clock()
        of_key = self._of(key)
        self._turn += 1
        before = of_key.get(holder)
        turn = self._turn if before is None else before.turn
        sums: dict[str, int] = {}
        for name, held in list(of_key.items()):
            if held.until <= now and name != holder:
                del of_key[name]
            elif held.turn < turn:
                for kind, amount in held.amounts.items():
                    sums[kind] = sums.get(kind, 0) + amount
        of_key[holder] = _Held(turn, now + ttl_s, dict(amounts))
        return sums

    def _of(self, key: str) -> dict[str, _Held]:
        of_key = self._held.get(key)
        if of_key is None:
            of_key = self._held[key] = {}
            if len(self._held) > self._kept:
                self._held.popitem(last=False)
        else:
            self._held.move_to_end(key)
        return of_key

    def let_go(self, key: str, holder: str) -> None:
        """See `Cache.let_go`."""
        of_key = self._held.get(key, {})
        of_key.pop(holder, None)
        if not of_key:
            self._held.pop(key, None)
