"""Personal access tokens, for scripts and kernels."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from jupyter_aichat.auth.audit import Audit
from jupyter_aichat.auth.opaque import PERSONAL, hash_of, new_token
from jupyter_aichat.auth.scopes import check_scopes
from jupyter_aichat.auth.standings import Standings
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.credential import PersonalToken
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.domain.ids import OwnerId, TokenId, new_id
from jupyter_aichat.domain.principal import Principal
from jupyter_aichat.errors import InvalidRequest, NotFound
from jupyter_aichat.stores.accounts import AccountStore

MOST_TOKENS = 50
LONGEST = timedelta(days=366)
_MOST_NAME = 100
_TOUCH_EVERY = timedelta(hours=1)
_MOST_KEPT = 10_000


class PersonalTokens:
    """Makes, lists and deletes personal tokens."""

    def __init__(self, store: AccountStore, standings: Standings, audit: Audit) -> None:
        self._store, self._standings, self._audit = store, standings, audit
        self._used: dict[TokenId, datetime] = {}

    async def create(
        self, principal: Principal, name: str, scopes: tuple[str, ...], lives: timedelta, origin: Origin
    ) -> tuple[PersonalToken, str]:
        """Return a new token's record, and the token, which nobody can be shown again; raises `InvalidRequest`."""
        name = name.strip()
        if not 0 < len(name) <= _MOST_NAME or not name.isprintable():
            raise InvalidRequest(f"A token's name has 1 to {_MOST_NAME} characters.")
        if not timedelta(0) < lives <= LONGEST:
            raise InvalidRequest(f"A token lives at most {LONGEST.days} days.")
        secret, at = new_token(PERSONAL), now()
        token = PersonalToken(
            TokenId(new_id()), principal.owner_id, name, hash_of(secret), check_scopes(scopes, principal.roles),
            at, at + lives,
        )  # fmt: skip
        await self._store.create_token(token, MOST_TOKENS)
        owner = principal.owner_id
        await self._audit.note("token_created", actor=owner, subject=owner, address=origin.address, token=token.id)
        return token, secret

    async def of(self, owner: OwnerId) -> tuple[PersonalToken, ...]:
        """Return an account's tokens, newest first; also those whose time is over."""
        return await self._store.tokens_of(owner)

    async def delete(self, owner: OwnerId, token: TokenId, origin: Origin) -> None:
        """Delete a token, or raise `NotFound`."""
        if not await self._store.delete_token(owner, token):
            raise NotFound("There is no such token.")
        await self._standings.tell(owner)
        await self._audit.note("token_deleted", actor=owner, subject=owner, address=origin.address, token=token)

    async def used(self, token: PersonalToken) -> None:
        """Remember when it was used, right to the hour."""
        at, before = (
            now(),
            self._used.get(token.id) or token.used_at,
        )  # what was read may be older than what was written
        if before is None or at - before >= _TOUCH_EVERY:
            if len(self._used) >= _MOST_KEPT:
                self._used.clear()
            self._used[token.id] = at
            await self._store.touch_token(msgspec.structs.replace(token, used_at=at))
