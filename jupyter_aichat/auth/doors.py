"""How often somebody may try a password, or register, from where.

A name is locked for those who guess, not for its owner: sessions that go on ask nobody, and a login that brings one of
the account's own sessions along is counted by that session instead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from jupyter_aichat.auth.audit import Audit
from jupyter_aichat.auth.limits import Limiter, network_of
from jupyter_aichat.auth.opaque import hash_of
from jupyter_aichat.auth.turns import Turns
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.domain.ids import OwnerId, SessionId
from jupyter_aichat.domain.limit import Rate
from jupyter_aichat.errors import NotReady, QueueFull, RateLimited, StoreUnavailable

_MOST_WAITING = 200  # for one name


class Rates(msgspec.Struct, frozen=True):
    """What may be tried how often. Only what failed counts, but for registrations."""

    of_name: Rate = Rate(10, 900)
    of_address: Rate = Rate(300, 900)
    registrations: Rate = Rate(60, 3600)


class Attempt:
    """A try under way, counted as failed until it succeeds."""

    def __init__(self) -> None:
        self.succeeded = False


class Doors:
    """Counts tries at names and from addresses."""

    def __init__(self, limiter: Limiter, audit: Audit, rates: Rates) -> None:
        self._limiter, self._audit, self._rates = limiter, audit, rates
        self._turns = Turns(_MOST_WAITING)

    @asynccontextmanager
    async def attempt(
        self, folded_name: str, origin: Origin, *, subject: OwnerId | None = None, session: SessionId | None = None
    ) -> AsyncIterator[Attempt]:
        """Let somebody try a password, or raise `RateLimited`; say in the attempt if it was right.

        Tries at one name wait for each other, so that those under way are not taken for wrong ones.
        """
        at_name = f"name:{hash_of(folded_name)}" if session is None else f"session:{session}"
        address = f"login:address:{network_of(origin.address)}"
        attempt = Attempt()
        try:
            async with (
                self._counted(address, self._rates.of_address, attempt),
                self._turns.of(at_name),
                self._counted(f"login:{at_name}", self._rates.of_name, attempt),
            ):
                yield attempt
        except RateLimited:
            await self._note(at_name, origin, subject)
            raise

    @asynccontextmanager
    async def _counted(self, key: str, rate: Rate, attempt: Attempt) -> AsyncIterator[None]:
        taken = await self._limiter.take(key, rate)
        try:
            yield
        except (QueueFull, NotReady, RateLimited, StoreUnavailable):  # nobody learned whether it was right
            await self._limiter.give_back(taken)
            raise
        else:
            if attempt.succeeded:
                await self._limiter.give_back(taken)

    async def registration(self, origin: Origin) -> None:
        """Let somebody register, or raise `RateLimited`."""
        await self._limiter.take(f"register:{network_of(origin.address)}", self._rates.registrations)

    async def _note(self, at_name: str, origin: Origin, subject: OwnerId | None) -> None:
        """Once in a window for each name and network, so that nobody can fill the audit."""
        key = f"noted:{at_name}:{network_of(origin.address)}"
        if await self._limiter.first(key, self._rates.of_name.window_s):
            await self._audit.note("login_limited", subject=subject, address=origin.address)
