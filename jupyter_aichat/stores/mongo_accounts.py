"""Accounts in MongoDB: see `stores.accounts`. Each stands at its id; one write changes one of them, if it is as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jupyter_aichat.domain.account import Account, AccountChanges, AccountQuery
from jupyter_aichat.domain.audit import AuditQuery, AuditRecord
from jupyter_aichat.domain.credential import Invitation, PersonalToken, Rotation, Session
from jupyter_aichat.domain.ids import InvitationId, OwnerId, RunId, SessionId, TokenId
from jupyter_aichat.domain.page import Page
from jupyter_aichat.stores import mongo_audit as audit
from jupyter_aichat.stores import mongo_credentials as credentials
from jupyter_aichat.stores import mongo_people as people
from jupyter_aichat.stores.mongo_base import AlreadyThere, Database


class MongoAccounts:
    """An `AccountStore` on the database of a `MongoStore`."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database

    # Accounts

    async def create_account(
        self, account: Account, *, invitation_hash: str | None = None, first_admin: bool = False
    ) -> Account:
        """See `AccountStore.create_account`; one that is there already may be a try of ours whose answer was lost."""
        database = self._database()
        try:
            return await database.transaction(
                lambda db: people.create(db, account, invitation_hash=invitation_hash, first_admin=first_admin)
            )
        except AlreadyThere:
            return await people.explained(database.reads(), account, first_admin=first_admin)

    async def find_account(self, folded_name: str) -> Account | None:
        """See `AccountStore.find_account`."""
        return await people.find(self._database().reads(), folded_name)

    async def accounts(self, owners: Sequence[OwnerId]) -> tuple[Account, ...]:
        """See `AccountStore.accounts`."""
        return await people.of(self._database().reads(), owners)

    async def list_accounts(self, query: AccountQuery) -> Page[Account]:
        """See `AccountStore.list_accounts`."""
        return await people.listed(self._database().reads(), query)

    async def groups(self) -> tuple[tuple[str, int], ...]:
        """See `AccountStore.groups`."""
        return await people.groups(self._database().reads())

    async def change_account(
        self,
        owner: OwnerId,
        changes: AccountChanges,
        *,
        if_hash: str | None = None,
        keep: SessionId | None = None,
    ) -> Account | None:
        """See `AccountStore.change_account`."""
        return await self._database().transaction(
            lambda db: people.change(db, owner, changes, if_hash=if_hash, keep=keep)
        )

    async def delete_account(self, owner: OwnerId) -> tuple[RunId, ...]:
        """See `AccountStore.delete_account`."""
        return await people.delete(self._database().reads(), owner)

    # Sessions

    async def create_session(self, session: Session) -> None:
        """See `AccountStore.create_session`."""
        await credentials.insert(self._database().reads(), "sessions", session)

    async def sessions(self, sessions: Sequence[SessionId]) -> tuple[Session, ...]:
        """See `AccountStore.sessions`."""
        return await credentials.sessions(self._database().reads(), sessions)

    async def sessions_of(self, owner: OwnerId) -> tuple[Session, ...]:
        """See `AccountStore.sessions_of`."""
        return await credentials.sessions_of(self._database().reads(), owner)

    async def rotate(self, session: SessionId, rotation: Rotation) -> Session | None:
        """See `AccountStore.rotate`."""
        return await credentials.rotate(self._database().reads(), session, rotation)

    async def end_session(self, owner: OwnerId, session: SessionId) -> bool:
        """See `AccountStore.end_session`."""
        return await credentials.delete(self._database().reads(), "sessions", owner, session)

    async def end_sessions(self, owner: OwnerId) -> None:
        """See `AccountStore.end_sessions`."""
        await people.end_sessions(self._database().reads(), owner)

    # Personal tokens and invitations

    async def create_token(self, token: PersonalToken, most: int) -> None:
        """See `AccountStore.create_token`."""
        await self._database().transaction(lambda db: credentials.create_token(db, token, most))

    async def tokens(self, hashes: Sequence[str]) -> tuple[PersonalToken, ...]:
        """See `AccountStore.tokens`."""
        return await credentials.tokens(self._database().reads(), hashes)

    async def tokens_of(self, owner: OwnerId) -> tuple[PersonalToken, ...]:
        """See `AccountStore.tokens_of`."""
        return await credentials.tokens_of(self._database().reads(), owner)

    async def touch_token(self, token: PersonalToken) -> None:
        """See `AccountStore.touch_token`."""
        await credentials.touch_token(self._database().reads(), token)

    async def delete_token(self, owner: OwnerId, token: TokenId) -> bool:
        """See `AccountStore.delete_token`."""
        return await credentials.delete(self._database().reads(), "tokens", owner, token)

    async def create_invitation(self, invitation: Invitation) -> None:
        """See `AccountStore.create_invitation`."""
        await credentials.insert(self._database().reads(), "invitations", invitation)

    async def list_invitations(self) -> tuple[Invitation, ...]:
        """See `AccountStore.list_invitations`."""
        return await credentials.invitations(self._database().reads())

    async def delete_invitation(self, invitation: InvitationId) -> bool:
        """See `AccountStore.delete_invitation`."""
        return await self._database().reads().delete("invitations", {"_id": invitation}) == 1

    # Audit

    async def append_audit(self, record: AuditRecord) -> None:
        """See `AccountStore.append_audit`."""
        await credentials.insert(self._database().reads(), "audit", record)

    async def list_audit(self, query: AuditQuery) -> Page[AuditRecord]:
        """See `AccountStore.list_audit`."""
        return await audit.listed(self._database().reads(), query)
