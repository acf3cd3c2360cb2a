"""What runs under way will use, held in the cache for all processes, and renewed as long as the run goes on here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress

import msgspec

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.domain.ids import OwnerId, RunId
from jupyter_aichat.errors import CacheUnavailable, NotReady

LEASE_S = 60.0
RENEW_S = 20.0

Amounts = Mapping[str, int]
"""Tokens and milliseconds (``seconds``) by unit and model: ``tokens ollama/m``."""


class _Held(msgspec.Struct, frozen=True):
    owner: OwnerId
    amounts: Amounts


class Holds:
    """The reservations of this process.

    Parameters
    ----------
    alone
        Whether a process that cannot ask the cache goes by what it holds itself; else nobody may hold anything then.
    """

    def __init__(self, cache: Cache, *, alone: bool) -> None:
        self._cache, self._alone = cache, alone
        self._held: dict[RunId, _Held] = {}
        self._renewing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to renew what is held."""
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew(), name="aichat-holds")

    async def stop(self) -> None:
        """Renew nothing any more."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
            self._renewing = None

    async def hold(self, run_id: RunId, owner: OwnerId, amounts: Amounts) -> Amounts:
        """Hold for a run; return the sums of what its owner's runs before it hold. Raises `NotReady`."""
        self._held[run_id] = _Held(owner, amounts)
        try:
            return await self._cache.hold(_key(owner), run_id, amounts, LEASE_S)
        except CacheUnavailable:
            if self._alone:
                ours = (each for held_by, each in self._held.items() if each.owner == owner and held_by != run_id)
                return _summed(each.amounts for each in ours)
            del self._held[run_id]
            raise NotReady("Quotas cannot be counted right now; try again in a moment.") from None

    async def let_go(self, run_id: RunId) -> None:
        """Hold nothing for a run any more."""
        held = self._held.pop(run_id, None)
        if held is not None:
            with suppress(CacheUnavailable):  # then it is free after its time
                await self._cache.let_go(_key(held.owner), run_id)

    def leave(self, run_id: RunId) -> None:
        """Leave what is held for a run to the process that goes on with it."""
        self._held.pop(run_id, None)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            for run_id, held in list(self._held.items()):
                with suppress(CacheUnavailable):  # the next renewal comes within the lease
                    await self._renew_one(run_id, held)

    async def _renew_one(self, run_id: RunId, held: _Held) -> None:
        if run_id in self._held:
            await self._cache.hold(_key(held.owner), run_id, held.amounts, LEASE_S)
        if run_id not in self._held:  # it ended meanwhile
            await self._cache.let_go(_key(held.owner), run_id)


def _summed(each: Iterable[Amounts]) -> Amounts:
    sums: dict[str, int] = {}
    for amounts in each:
        for name, amount in amounts.items():
            sums[name] = sums.get(name, 0) + amount
    return sums


def _key(owner: OwnerId) -> str:
    return f"held:{owner}"
