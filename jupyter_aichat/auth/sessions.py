"""Sessions: what a login begins, a refresh carries on, and a logout ends.

They live in the store, not in Redis: nobody is logged out when Redis restarts, a reuse is noticed whatever was evicted, and
the account that is disabled stands beside them. A session costs one write each time that its access token is over.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

from jupyter_aichat.auth.audit import Audit
from jupyter_aichat.auth.opaque import hash_of
from jupyter_aichat.auth.refresh import RefreshTokens
from jupyter_aichat.auth.standing import Standing
from jupyter_aichat.auth.standings import Standings
from jupyter_aichat.auth.tokens import INVALID, AccessTokens
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.credential import Rotation, Session
from jupyter_aichat.domain.identity import Grant, Origin
from jupyter_aichat.domain.ids import OwnerId, SessionId, new_id
from jupyter_aichat.errors import InvalidRequest, NotFound, Unauthenticated
from jupyter_aichat.stores.accounts import AccountStore

REPLAY_S = 30.0
MOST_SESSIONS = 50
_MOST_AGENT = 200
_MOST_ATTEMPT = 128


class Lives(msgspec.Struct, frozen=True):
    """How long a session lives without a refresh, and at most."""

    idle: timedelta = timedelta(days=14)
    longest: timedelta = timedelta(days=90)


class Sessions:
    """Begins, refreshes, lists and ends sessions."""

    def __init__(
        self,
        store: AccountStore,
        access: AccessTokens,
        refresh: RefreshTokens,
        *,
        standings: Standings,
        audit: Audit,
        lives: Lives,
    ) -> None:
        self._store, self._access, self._refresh = store, access, refresh
        self._standings, self._audit, self._lives = standings, audit, lives

    async def begin(self, account: Account, origin: Origin) -> Grant:
        """Begin a session; of very many the oldest ends."""
        at, session_id = now(), SessionId(new_id())
        token = self._refresh.first(session_id)
        ends_at = at + self._lives.longest
        session = Session(
            session_id, account.id, account.stamp, hash_of(token), at, at, min(at + self._lives.idle, ends_at), ends_at,
            address=origin.address, agent=_agent(origin),
        )  # fmt: skip
        await self._store.create_session(session)
        for old in (await self._store.sessions_of(account.id))[MOST_SESSIONS:]:
            await self._store.end_session(account.id, old.id)
        return self._grant(session, token)

    async def refresh(self, token: str, attempt: str | None, origin: Origin) -> Grant:
        """Return the next tokens for a refresh token; raises `Unauthenticated`. A token that comes twice ends its session.

        The same token with the same `attempt` gets the same answer for half a minute.
        """
        if attempt is not None and not (0 < len(attempt) <= _MOST_ATTEMPT and attempt.isprintable()):
            raise InvalidRequest(f"An attempt has 1 to {_MOST_ATTEMPT} characters.")
        session = await self._live(token)
        if session.refresh_hash == hash_of(token):
            if (grant := await self._rotate(session, token, attempt, origin)) is not None:
                return grant
            session = await self._live(token)  # another request was faster
        if (grant := self._again(session, token, attempt)) is not None:
            return grant
        if self._refresh.is_ours(token):
            await self._end_reused(session, origin)
        raise Unauthenticated(INVALID)

    async def _live(self, token: str) -> Session:
        session_id = self._refresh.session_of(token)
        found = await self._store.sessions([session_id]) if session_id is not None else ()
        if not found:
            raise Unauthenticated(INVALID)
        accounts = await self._store.accounts([found[0].owner_id])
        if Standing(found[0], accounts[0] if accounts else None).ending(now()) is not None:
            raise Unauthenticated(INVALID)
        return found[0]

    async def _rotate(self, session: Session, token: str, attempt: str | None, origin: Origin) -> Grant | None:
        at = now()
        following = next(self._refresh.after(token, new_id() if attempt is None else attempt))
        rotated = await self._store.rotate(
            session.id,
            Rotation(
                hash_of(token), hash_of(following), None if attempt is None else hash_of(attempt), at,
                min(at + self._lives.idle, session.ends_at), origin.address, _agent(origin),
            ),
        )  # fmt: skip
        return None if rotated is None else self._grant(rotated, following)

    def _again(self, session: Session, token: str, attempt: str | None) -> Grant | None:
        """The answer that this attempt got before, made anew."""
        if attempt is None or (session.before_hash, session.attempt_hash) != (hash_of(token), hash_of(attempt)):
            return None
        if (now() - session.rotated_at).total_seconds() > REPLAY_S:
            return None
        following = self._refresh.after(token, attempt)
        return next((self._grant(session, each) for each in following if hash_of(each) == session.refresh_hash), None)

    async def _end_reused(self, session: Session, origin: Origin) -> None:
        if await self._store.end_session(session.owner_id, session.id):
            await self._audit.note("token_reused", subject=session.owner_id, address=origin.address, session=session.id)
        await self._standings.tell(session.owner_id)

    def _grant(self, session: Session, token: str) -> Grant:
        token_id = hash_of(token)[:22]
        access = self._access.make(session.owner_id, session.id, token_id, session.rotated_at)
        return Grant(access, token, self._access.life_s, session.id, session.expires_at)

    async def known(self, token: str) -> Session | None:
        """Return the session that a refresh token or an access token of ours comes from, if it goes on."""
        session_id = self._refresh.session_of(token)
        if session_id is None:
            try:
                session_id = self._access.read(token).session_id
            except Unauthenticated:
                return None
        elif not self._refresh.is_ours(token):
            return None
        found = await self._store.sessions([session_id])
        return found[0] if found and found[0].expires_at > now() else None

    async def of(self, account: Account) -> tuple[Session, ...]:
        """Return an account's sessions that go on, newest first."""
        at = now()
        found = await self._store.sessions_of(account.id)
        return tuple(each for each in found if Standing(each, account).ending(at) is None)

    async def end(self, owner: OwnerId, session: SessionId) -> None:
        """End a session, or raise `NotFound`."""
        if not await self._store.end_session(owner, session):
            raise NotFound("There is no such session.")
        await self._standings.tell(owner)

    async def to_end(self, token: str) -> Session | None:
        """Return the session that a refresh token of ours may end: also one that was rotated, whose reply was lost."""
        try:
            session = await self._live(token)
        except Unauthenticated:
            return None
        return session if session.refresh_hash == hash_of(token) or self._refresh.is_ours(token) else None


def _agent(origin: Origin) -> str:
    return "".join(each for each in origin.agent if each.isprintable())[:_MOST_AGENT]
