"""Who the bearers of JupyterHub's tokens are, where the Hub knows the people and we keep their chats.

The Hub is asked at most once a second about a token, and once at a time. What open sockets came with is asked about too, so
that what the Hub takes away is felt everywhere within two seconds. While the Hub is away nobody new gets in, and open sockets
go on for a quarter of an hour at most.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec

from jupyter_aichat.auth.opaque import hash_of
from jupyter_aichat.auth.scopes import READ, scopes_of
from jupyter_aichat.auth.tokens import INVALID
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.identity import Credential, Ending, Identity
from jupyter_aichat.domain.ids import OwnerId, id_of
from jupyter_aichat.domain.principal import Principal
from jupyter_aichat.errors import AIChatError, Forbidden, NotReady, Unauthenticated

FRESH_S = 1.0
LOOK_S = 0.5
ALONE_S = 900.0
"""How long open sockets go on while the Hub does not say how their tokens stand."""
_MOST_KEPT = 10_000
_FOR_EVER = datetime.max.replace(tzinfo=UTC)
"""Until when a token of the Hub holds is for the Hub to say."""

Ended = Callable[[Ending], None]


class HubUser(msgspec.Struct, frozen=True):
    """What the Hub says of a token: whose it is, and what it may do; ``kind`` is "user" where that is a person.

    ``groups`` are None where the token may not see them.
    """

    name: str
    kind: str
    scopes: tuple[str, ...] = ()
    display_name: str = ""
    groups: tuple[str, ...] | None = None


class HubScopes(msgspec.Struct, frozen=True):
    """The Hub's scopes that mean something here.

    One of ``use`` lets somebody in, ``admin`` beside it makes an administrator; ``read`` alone lets somebody read, and no more.
    ``models`` are kept, for the rules of models to judge.
    """

    use: frozenset[str]
    admin: str
    read: str = ""
    models: frozenset[str] = frozenset()

    def granted(self, user: HubUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return somebody's roles and scopes here, or raise `Forbidden`."""
        if user.kind != "user":
            raise Forbidden("Only people have chats; this token is a service's.")
        if self.use & set(user.scopes):
            roles = ("user", "admin") if self.admin in user.scopes else ("user",)
            return roles, (*scopes_of(roles), *sorted(self.models & set(user.scopes)))
        if self.read and self.read in user.scopes:
            return ("user",), (READ,)
        raise Forbidden("JupyterHub does not let this token use the chat.")


def owner_of(name: str) -> OwnerId:
    """Return who owns the chats of a user of the Hub: always the same for a name, and never the same for two."""
    return OwnerId(id_of(int.from_bytes(hashlib.sha256(b"jupyterhub\0" + name.encode()).digest())))


class _Found(msgspec.Struct, frozen=True):
    """What was found out about a token at a time of the clock: an identity, or why there is none."""

    token: str
    at: float
    identity: Identity | None = None
    refusal: Callable[[], AIChatError] = Unauthenticated

    @property
    def is_unknown(self) -> bool:
        """Whether this says nothing about the token, only that nobody could be asked."""
        return self.identity is None and not isinstance(self.refusal(), Unauthenticated | Forbidden)


class _Watched(msgspec.Struct, eq=False):
    identity: Identity
    ended: Ended
    known_at: float


class HubPeople:
    """The people of a Hub, by their tokens.

    Parameters
    ----------
    ask
        Asks the Hub about a token; None is no valid one. Raises `NotReady` where it does not answer.
    join
        Returns the account of a user of the Hub, which it makes at the first time.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[HubUser | None]],
        join: Callable[[OwnerId, HubUser], Awaitable[Account]],
        scopes: HubScopes,
        log: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._join, self._scopes, self._log, self._clock = ask, join, scopes, log, clock
        self._known: dict[str, _Found] = {}
        self._asked: dict[str, asyncio.Task[_Found]] = {}
        self._watched: set[_Watched] = set()
        self._looking: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """Ask nothing more."""
        tasks = [*self._asked.values(), *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Asking

    async def authenticate(self, token: str) -> Identity:
        """Return who brings a token; raises `Unauthenticated`, `Forbidden`, or `NotReady` where that cannot be known."""
        found = await self._of(token)
        if found.identity is None:
            raise found.refusal()
        return found.identity

    async def _of(self, token: str) -> _Found:
        """Return what the Hub said of a token a second ago at most."""
        key = hash_of(token)
        known = self._known.get(key)
        if known is not None and self._clock() - known.at < FRESH_S:
            return known
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self._look(key, token), name="aichat-hub")
        return await asyncio.shield(self._asked[key])

    async def _look(self, key: str, token: str) -> _Found:
        begun = self._clock()
        try:
            found = _Found(token, begun, await self._identity(key, token))
        except AIChatError as error:
            kind, message, details = type(error), error.message, error.details
            found = _Found(token, begun, refusal=lambda: kind(message, **details))
        except Exception:  # noqa: BLE001 (whoever asks is told that it failed, and the next second tries again)
            self._log.exception("Who brings a token could not be found out")
            found = _Found(token, begun, refusal=NotReady)
        finally:
            del self._asked[key]
        if len(self._known) >= _MOST_KEPT:
            self._forget()
        self._known[key] = found
        return found

    async def _identity(self, key: str, token: str) -> Identity:
        user = await self._ask(token)
        if user is None:
            raise Unauthenticated(INVALID)
        roles, scopes = self._scopes.granted(user)
        account = await self._join(owner_of(user.name), user)
        if account.disabled:
            raise Forbidden("This account is disabled; ask an administrator.")
        principal = Principal(account.id, user.name, account.display_name, roles, scopes, account.groups)
        return Identity(principal, Credential("hub", key), _FOR_EVER)

    def _forget(self) -> None:
        """Forget what has to be asked for anew anyway, but for tokens in use."""
        used, oldest = {each.identity.credential.id for each in self._watched}, self._clock() - FRESH_S
        self._known = {key: each for key, each in self._known.items() if key in used or each.at > oldest}

    # Watching

    def watch(self, identity: Identity, ended: Ended) -> Callable[[], None]:
        """Call `ended` once, on the loop, when a token lets nobody in any more, or not with the same roles.

        It must return at once and not raise.
        """
        watched = _Watched(identity, ended, self._clock())
        self._watched.add(watched)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_on(), name="aichat-hub-watch")
        return lambda: self._watched.discard(watched)

    async def _look_on(self) -> None:
        """Look as long as there is somebody to look for, twice in each second that an answer is good for."""
        while self._watched:
            await asyncio.sleep(LOOK_S)
            by_key: dict[str, list[_Watched]] = {}
            for each in self._watched:
                by_key.setdefault(each.identity.credential.id, []).append(each)
            try:
                await asyncio.gather(*(self._check(key, watched) for key, watched in by_key.items()))
            except Exception:  # noqa: BLE001 (the watch over all open connections must not end by one fault)
                self._log.exception("Open connections could not be checked")

    async def _check(self, key: str, watched: list[_Watched]) -> None:
        known = self._known.get(key)
        found = None if known is None else await self._of(known.token)
        for each in watched:
            ending = self._ending(each, found)
            if ending is not None and each in self._watched:
                self._watched.discard(each)
                each.ended(ending)

    def _ending(self, watched: _Watched, found: _Found | None) -> Ending | None:
        if found is None or now() >= watched.identity.expires_at:
            return "expired"  # as access tokens of the page do; or so old that it was forgotten before the connection was open
        if found.is_unknown:
            return "expired" if self._clock() - watched.known_at > ALONE_S else None
        if found.identity is None:
            return "revoked"
        watched.known_at = found.at
        present, before = found.identity.principal, watched.identity.principal
        same = (present.owner_id, present.scopes, present.groups) == (
            before.owner_id,
            before.scopes,
            before.groups,
        )  # who is renamed owns other chats
        return None if same else "changed"
