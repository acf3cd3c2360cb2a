"""Accounts in the SQLite file: see `stores.accounts`. Each method is a job of the store's threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Sequence
from typing import Protocol, TypeVar

from jupyter_aichat.domain.account import Account, AccountChanges, AccountQuery
from jupyter_aichat.domain.audit import AuditQuery, AuditRecord
from jupyter_aichat.domain.credential import Invitation, PersonalToken, Rotation, Session
from jupyter_aichat.domain.ids import InvitationId, OwnerId, RunId, SessionId, TokenId
from jupyter_aichat.domain.page import Page
from jupyter_aichat.stores import sqlite_audit as audit
from jupyter_aichat.stores import sqlite_credentials as credentials
from jupyter_aichat.stores import sqlite_people as people
from jupyter_aichat.stores.sqlite_deleting import clear
from jupyter_aichat.stores.sqlite_threads import Job

Result = TypeVar("Result")


class Ask(Protocol):
    """Runs a job in one of the store's threads."""

    def __call__(self, job: Job[Result]) -> Awaitable[Result]:
        """Return what the job returns."""
        ...


class SqliteAccounts:
    """An `AccountStore` on the file of a `SqliteStore`."""

    def __init__(self, read: Ask, write: Ask) -> None:
        self._read, self._write = read, write

    # Accounts

    async def create_account(
        self, account: Account, *, invitation_hash: str | None = None, first_admin: bool = False
    ) -> Account:
        """See `AccountStore.create_account`."""

        def job(db: sqlite3.Connection) -> Account:
            return people.create(db, account, invitation_hash=invitation_hash, first_admin=first_admin)

        return await self._write(job)

    async def find_account(self, folded_name: str) -> Account | None:
        """See `AccountStore.find_account`."""
        return await self._read(lambda db: people.find(db, folded_name))

    async def accounts(self, owners: Sequence[OwnerId]) -> tuple[Account, ...]:
        """See `AccountStore.accounts`."""
        return await self._read(lambda db: people.of(db, owners))

    async def list_accounts(self, query: AccountQuery) -> Page[Account]:
        """See `AccountStore.list_accounts`."""
        return await self._read(lambda db: people.listed(db, query))

    async def groups(self) -> tuple[tuple[str, int], ...]:
        """See `AccountStore.groups`."""
        return await self._read(people.groups)

    async def change_account(
        self,
        owner: OwnerId,
        changes: AccountChanges,
        *,
        if_hash: str | None = None,
        keep: SessionId | None = None,
    ) -> Account | None:
        """See `AccountStore.change_account`."""
        return await self._write(lambda db: people.change(db, owner, changes, if_hash=if_hash, keep=keep))

    async def delete_account(self, owner: OwnerId) -> tuple[RunId, ...]:
        """See `AccountStore.delete_account`."""
        running = await self._write(lambda db: people.delete(db, owner))
        while await self._write(lambda db: clear(db, owner)):
            pass
        return running

    # Sessions

    async def create_session(self, session: Session) -> None:
        """See `AccountStore.create_session`."""
        await self._write(lambda db: credentials.create_session(db, session))

    async def sessions(self, sessions: Sequence[SessionId]) -> tuple[Session, ...]:
        """See `AccountStore.sessions`."""
        return await self._read(lambda db: credentials.sessions(db, sessions))

    async def sessions_of(self, owner: OwnerId) -> tuple[Session, ...]:
        """See `AccountStore.sessions_of`."""
        return await self._read(lambda db: credentials.sessions_of(db, owner))

    async def rotate(self, session: SessionId, rotation: Rotation) -> Session | None:
        """See `AccountStore.rotate`."""
        return await self._write(lambda db: credentials.rotate(db, session, rotation))

    async def end_session(self, owner: OwnerId, session: SessionId) -> bool:
        """See `AccountStore.end_session`."""
        return await self._write(lambda db: credentials.delete(db, "sessions", owner, session))

    async def end_sessions(self, owner: OwnerId) -> None:
        """See `AccountStore.end_sessions`."""
        await self._write(lambda db: people.end_sessions(db, owner))

    # Personal tokens and invitations

    async def create_token(self, token: PersonalToken, most: int) -> None:
        """See `AccountStore.create_token`."""
        await self._write(lambda db: credentials.create_token(db, token, most))

    async def tokens(self, hashes: Sequence[str]) -> tuple[PersonalToken, ...]:
        """See `AccountStore.tokens`."""
        return await self._read(lambda db: credentials.tokens(db, hashes))

    async def tokens_of(self, owner: OwnerId) -> tuple[PersonalToken, ...]:
        """See `AccountStore.tokens_of`."""
        return await self._read(lambda db: credentials.tokens_of(db, owner))

    async def touch_token(self, token: PersonalToken) -> None:
        """See `AccountStore.touch_token`."""
        await self._write(lambda db: credentials.touch_token(db, token))

    async def delete_token(self, owner: OwnerId, token: TokenId) -> bool:
        """See `AccountStore.delete_token`."""
        return await self._write(lambda db: credentials.delete(db, "tokens", owner, token))

    async def create_invitation(self, invitation: Invitation) -> None:
        """See `AccountStore.create_invitation`."""
        await self._write(lambda db: credentials.create_invitation(db, invitation))

    async def list_invitations(self) -> tuple[Invitation, ...]:
        """See `AccountStore.list_invitations`."""
        return await self._read(credentials.invitations)

    async def delete_invitation(self, invitation: InvitationId) -> bool:
        """See `AccountStore.delete_invitation`."""
        return await self._write(lambda db: credentials.delete_invitation(db, invitation))

    # Audit

    async def append_audit(self, record: AuditRecord) -> None:
        """See `AccountStore.append_audit`."""
        await self._write(lambda db: audit.append(db, record))

    async def list_audit(self, query: AuditQuery) -> Page[AuditRecord]:
        """See `AccountStore.list_audit`."""
        return await self._read(lambda db: audit.listed(db, query))
