"""Whether a credential still lets somebody in, in every process within two seconds of its end.

A process asks the store about what it has not asked for a second, about many credentials in one question. What open
sockets use is asked about each second. The bus says at once whose credentials to ask about anew; where it is away, the
second has to do. While the store is away open sockets go on until their tokens expire.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping

import msgspec

from jupyter_aichat.auth.standing import Standing, ending_of
from jupyter_aichat.bus.base import Bus, Unsubscribe
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.credential import PersonalToken, Session
from jupyter_aichat.domain.identity import Credential, Ending, Identity
from jupyter_aichat.domain.ids import OwnerId, SessionId
from jupyter_aichat.errors import AIChatError, BusUnavailable
from jupyter_aichat.stores.accounts import AccountStore

TOPIC = "credentials"
FRESH_S = 1.0
_MOST_KEPT = 10_000


Ended = Callable[[Ending], None]


class _Watched(msgspec.Struct, frozen=True, eq=False):
    identity: Identity
    ended: Ended


class Standings:
    """What this process knows of credentials."""

    def __init__(
        self, store: AccountStore, bus: Bus, log: logging.Logger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._bus, self._log, self._clock = store, bus, log, clock
        self._known: dict[Credential, tuple[float, Standing]] = {}
        self._asked: dict[Credential, asyncio.Future[Standing]] = {}
        self._watched: set[_Watched] = set()
        self._told = 0
        self._soon = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe: Unsubscribe | None = None

    # Life

    def start(self) -> None:
        """Listen to the bus, and look once a second."""
        self._unsubscribe = self._bus.subscribe(TOPIC, lambda data: self._hear(OwnerId(data.decode())))
        self._begin(self._look_for_ever())

    async def stop(self) -> None:
        """Listen and look no more."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name="aichat-standings")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Asking

    async def of(self, credential: Credential) -> Standing:
        """Return how a credential stands, as it was a second ago at most; raises `StoreUnavailable`."""
        known = self._known.get(credential)
        if known is not None and self._clock() - known[0] < FRESH_S:
            return known[1]
        if credential not in self._asked:
            self._asked[credential] = asyncio.get_running_loop().create_future()
            if len(self._asked) == 1:
                self._begin(self._answer())
        return await asyncio.shield(self._asked[credential])

    async def _answer(self) -> None:
        """Ask the store about all that was asked for in this turn of the loop."""
        asked: dict[Credential, asyncio.Future[Standing]] = {}
        try:
            await asyncio.sleep(0)
            asked, self._asked = self._asked, {}
            found = await self._look(asked)
        except AIChatError as error:
            for future in asked.values():
                future.set_exception(error)
                future.exception()  # whoever asked may be gone
        else:
            for credential, future in asked.items():
                future.set_result(found[credential])
        finally:
            for future in (*asked.values(), *(self._asked.values() if not asked else ())):
                future.cancel()  # only where this process stops

    async def _look(
        self, credentials: Iterable[Credential], owners: Mapping[Credential, OwnerId] | None = None
    ) -> Mapping[Credential, Standing]:
        """Ask the store about these credentials; whose they were, where it is known, counts when they are gone."""
        begun, told = self._clock(), self._told
        wanted = list(credentials)
        sessions = await self._sessions([SessionId(each.id) for each in wanted if each.kind == "session"])
        tokens = await self._tokens([each.id for each in wanted if each.kind == "token"])
        proofs: dict[Credential, Session | PersonalToken] = {**sessions, **tokens}
        owner_of = {**(owners or {}), **{credential: proof.owner_id for credential, proof in proofs.items()}}
        accounts = (
            {each.id: each for each in await self._store.accounts(list({*owner_of.values()}))} if owner_of else {}
        )
        found = {}
        for credential in wanted:
            owner = owner_of.get(credential)
            found[credential] = Standing(proofs.get(credential), None if owner is None else accounts.get(owner))
        if told == self._told:  # else what was read may be older than what was told
            self._keep(begun, found)
        return found

    async def _sessions(self, ids: list[SessionId]) -> dict[Credential, Session]:
        found = await self._store.sessions(ids) if ids else ()
        return {Credential("session", each.id): each for each in found}

    async def _tokens(self, hashes: list[str]) -> dict[Credential, PersonalToken]:
        found = await self._store.tokens(hashes) if hashes else ()
        return {Credential("token", each.hash): each for each in found}

    def _keep(self, at: float, found: Mapping[Credential, Standing]) -> None:
        if len(self._known) + len(found) > _MOST_KEPT:
            self._known.clear()
        self._known.update({credential: (at, standing) for credential, standing in found.items()})

    # Telling

    async def tell(self, owner: OwnerId) -> None:
        """Let every process ask anew about an account's credentials; without the bus they do so within a second."""
        self._hear(owner)
        try:
            await self._bus.publish(TOPIC, owner.encode())
        except BusUnavailable:
            self._log.debug("The bus is away; other processes see the end of a session within a second")

    def _hear(self, owner: OwnerId) -> None:
        self._told += 1
        self._known = {
            credential: known
            for credential, known in self._known.items()
            if known[1].account is not None and known[1].account.id != owner
        }
        if any(each.identity.principal.owner_id == owner for each in self._watched):
            self._soon.set()

    # Watching

    def watch(self, identity: Identity, ended: Ended) -> Unsubscribe:
        """Call `ended` once, on the loop, when a credential lets nobody in any more, or not with the same roles and scopes.

        It must return at once and not raise.
        """
        watched = _Watched(identity, ended)
        self._watched.add(watched)
        return lambda: self._watched.discard(watched)

    async def _look_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FRESH_S):
                    await self._soon.wait()
            self._soon.clear()
            try:
                await self._look_once()
            except AIChatError as error:
                self._log.debug("The store does not say how sessions stand: %s", error)
                self._end_expired()
            except Exception:  # noqa: BLE001 (the watch over all open connections must not end by one fault)
                self._log.exception("Open connections could not be checked")

    async def _look_once(self) -> None:
        oldest = self._clock() - FRESH_S
        self._known = {credential: known for credential, known in self._known.items() if known[0] > oldest}
        watched = tuple(self._watched)
        if watched:
            owners = {each.identity.credential: each.identity.principal.owner_id for each in watched}
            found = await self._look(owners, owners)
            at = now()
            for each in watched:
                self._end(each, ending_of(each.identity, found[each.identity.credential], at))

    def _end_expired(self) -> None:
        at = now()
        for each in tuple(self._watched):
            self._end(each, "expired" if at >= each.identity.expires_at else None)

    def _end(self, watched: _Watched, ending: Ending | None) -> None:
        if ending is None or watched not in self._watched:
            return
        self._watched.discard(watched)
        watched.ended(ending)
