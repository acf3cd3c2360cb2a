"""The port of accounts and what lets people in. One contract suite (``tests/contract``) holds for all implementations.

Each record is found by what it is looked up by, and changed by one conditional write. Methods raise `StoreUnavailable` when
the database is away, and only errors of `jupyter_aichat.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jupyter_aichat.domain.account import Account, AccountChanges, AccountQuery
from jupyter_aichat.domain.audit import AuditQuery, AuditRecord
from jupyter_aichat.domain.credential import Invitation, PersonalToken, Rotation, Session
from jupyter_aichat.domain.ids import InvitationId, OwnerId, RunId, SessionId, TokenId
from jupyter_aichat.domain.page import Page


class AccountStore(Protocol):
    """Durable storage of accounts, sessions, personal tokens, invitations, and of the audit."""

    async def create_account(
        self, account: Account, *, invitation_hash: str | None = None, first_admin: bool = False
    ) -> Account:
        """Write a new account, in one transaction with what allows it; an invitation says its roles.

        Raises
        ------
        NameTaken
            Another account has this folded name.
        Forbidden
            There is no such invitation, or it has expired (by ``created_at``); or, for the `first_admin`, there was one.
        """
        ...

    async def find_account(self, folded_name: str) -> Account | None:
        """Return the account of a folded name."""
        ...

    async def accounts(self, owners: Sequence[OwnerId]) -> tuple[Account, ...]:
        """Return those of these accounts that there are, in one question."""
        ...

    async def list_accounts(self, query: AccountQuery) -> Page[Account]:
        """Return a page of accounts, by folded name."""
        ...

    async def groups(self) -> tuple[tuple[str, int], ...]:
        """Return the groups that somebody is in, by name, each with how many are."""
        ...

    async def change_account(
        self,
        owner: OwnerId,
        changes: AccountChanges,
        *,
        if_hash: str | None = None,
        keep: SessionId | None = None,
    ) -> Account | None:
        """Change an account; return it as it then stands, or None where it is gone or its password hash is not `if_hash`.

        Where the changes end all sessions, the one to `keep` goes on, in the same transaction. Of an account that they disable
        all runs under way shall stop (`Store.stop_requests`). More preferences or groups than one may have are `InvalidRequest`; where no
        administrator who can log in would be left, it is `LastAdministrator`, whatever others change at the same time.
        """
        ...

    async def delete_account(self, owner: OwnerId) -> tuple[RunId, ...]:
        """Delete an account with all that it owns; return the runs that were under way. It is disabled first (by the caller).

        The account itself goes last, so that a deletion that was cut off is completed by the next; one of nothing is none.
        """
        ...

    async def create_session(self, session: Session) -> None:
        """Write a new session."""

    async def sessions(self, sessions: Sequence[SessionId]) -> tuple[Session, ...]:
        """Return those of these sessions that there are, in one question."""
        ...

    async def sessions_of(self, owner: OwnerId) -> tuple[Session, ...]:
        """Return an account's sessions, newest first; also those whose time or stamp is over."""
        ...

    async def rotate(self, session: SessionId, rotation: Rotation) -> Session | None:
        """Put the next refresh token in the place of the one before; None where that is not the valid one (any more)."""
        ...

    async def end_session(self, owner: OwnerId, session: SessionId) -> bool:
        """Delete a session; tell whether there was one."""
        ...

    async def end_sessions(self, owner: OwnerId) -> None:
        """Delete all sessions of an account whose stamp is not its account's."""

    async def create_token(self, token: PersonalToken, most: int) -> None:
        """Write a new personal token; `InvalidRequest` where the account has so many (`most`), `NotFound` where it is gone."""

    async def tokens(self, hashes: Sequence[str]) -> tuple[PersonalToken, ...]:
        """Return the tokens of these hashes, those that there are, in one question."""
        ...

    async def tokens_of(self, owner: OwnerId) -> tuple[PersonalToken, ...]:
        """Return an account's tokens, newest first."""
        ...

    async def touch_token(self, token: PersonalToken) -> None:
        """Write when it was used; one that is gone stays gone."""

    async def delete_token(self, owner: OwnerId, token: TokenId) -> bool:
        """Delete a token; tell whether there was one."""
        ...

    async def create_invitation(self, invitation: Invitation) -> None:
        """Write a new invitation."""

    async def list_invitations(self) -> tuple[Invitation, ...]:
        """Return all invitations that were not used, newest first."""
        ...

    async def delete_invitation(self, invitation: InvitationId) -> bool:
        """Delete an invitation; tell whether there was one."""
        ...

    async def append_audit(self, record: AuditRecord) -> None:
        """Append to the audit, of which nothing is ever changed."""

    async def list_audit(self, query: AuditQuery) -> Page[AuditRecord]:
        """Return a page of the audit, newest first."""
        ...
