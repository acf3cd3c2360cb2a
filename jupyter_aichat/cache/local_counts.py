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

Slots = dict[int, int]


class Windows:
    """Counts over sliding windows, for so many keys; those that were not used for longest go first."""

    def __init__(self, kept: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept, self._clock = kept, clock
        self._counts: OrderedDict[str, dict[str, Slots]] = OrderedDict()

    def clear(self) -> None:
        """Forget everything."""
        self._counts.clear()

    def take(self, key: str, rates: Mapping[str, Rate]) -> Tally:
        """See `Cache.take`."""
        now = self._clock()
        of_key = self._of(key)
        slots = {name: _present(of_key.setdefault(name, {}), rate, now) for name, rate in rates.items()}
        taken = all(sum(slots[name].values()) < rate.most for name, rate in rates.items())
        if taken:
            for name, rate in rates.items():
                slot = _slot(rate, now)
                slots[name][slot] = slots[name].get(slot, 0) + 1
        return Tally(taken, {name: _count(slots[name], rate, now) for name, rate in rates.items()})

    def _of(self, key: str) -> dict[str, Slots]:
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


def _present(slots: Slots, rate: Rate, now: float) -> Slots:
    """The slots, those that have left the window taken away."""
    oldest = _slot(rate, now) - TENTHS
    for slot in [slot for slot in slots if slot < oldest]:
        del slots[slot]
    return slots


def _count(slots: Slots, rate: Rate, now: float) -> Count:
    left = total = sum(slots.values())
    for slot in sorted(slots):
        left -= slots[slot]
        if left < rate.most:
            return Count(total, max((slot + TENTHS + 1) * rate.window_s / TENTHS - now, 0.0))
    return Count(total, 0.0 if rate.most else rate.window_s)


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
        of_key = {name: held for name, held in self._held.pop(key, {}).items() if held.until > now or name == holder}
        self._turn += 1
        turn = of_key[holder].turn if holder in of_key else self._turn
        sums: dict[str, int] = {}
        for held in of_key.values():
            if held.turn < turn:
                for name, amount in held.amounts.items():
                    sums[name] = sums.get(name, 0) + amount
        self._held[key] = {**of_key, holder: _Held(turn, now + ttl_s, dict(amounts))}
        if len(self._held) > self._kept:
            self._held.popitem(last=False)
        return sums

    def let_go(self, key: str, holder: str) -> None:
        """See `Cache.let_go`."""
        of_key = self._held.get(key, {})
        of_key.pop(holder, None)
        if not of_key:
            self._held.pop(key, None)
