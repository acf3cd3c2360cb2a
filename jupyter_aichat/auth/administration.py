"""What an operator does with accounts, on the command line or as an administrator on the page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Literal

import msgspec

from jupyter_aichat.auth.accounts import NO_ACCOUNT, Accounts, new_account
from jupyter_aichat.auth.audit import Audit
from jupyter_aichat.auth.names import check_groups
from jupyter_aichat.auth.opaque import INVITATION, hash_of, new_token
from jupyter_aichat.auth.passwords import Passwords
from jupyter_aichat.auth.records import Wanted, following, latest
from jupyter_aichat.auth.scopes import check_roles
from jupyter_aichat.domain.account import Account, AccountChanges, AccountQuery
from jupyter_aichat.domain.audit import Action, AuditQuery, AuditRecord
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.credential import Invitation, Session
from jupyter_aichat.domain.folding import fold
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.domain.ids import InvitationId, OwnerId, SessionId, new_id
from jupyter_aichat.domain.page import Page
from jupyter_aichat.domain.quota import Quota
from jupyter_aichat.errors import Forbidden, InvalidRequest, NotFound
from jupyter_aichat.stores.accounts import AccountStore

COMMAND_LINE = OwnerId("command-line")
"""The actor of what an operator does on the service's own machine."""

LONGEST_INVITATION = timedelta(days=90)


class Administration:
    """Each method is told who acts and where from; whether that one may is asked before."""

    def __init__(self, store: AccountStore, accounts: Accounts, passwords: Passwords, audit: Audit) -> None:
        self._store, self._accounts, self._passwords, self._audit = store, accounts, passwords, audit

    async def create(
        self,
        actor: OwnerId,
        origin: Origin,
        name: str,
        password: str,
        *,
        display_name: str = "",
        roles: tuple[str, ...] = ("user",),
        first_admin: bool = False,
    ) -> Account:
        """Make an account. Of several that make the first administrator at once one does, the others get `Forbidden`."""
        roles = check_roles((*roles, "admin") if first_admin else roles)
        self._passwords.check(password, name)
        account = new_account(name, None, display_name, roles)
        account = msgspec.structs.replace(account, password_hash=await self._passwords.hash(password))
        account = await self._store.create_account(account, first_admin=first_admin)
        await self._note("account_created", actor, account.id, origin, roles=",".join(roles))
        return account

    async def named(self, name: str) -> Account:
        """Return the account of a name, however it is spelled, or raise `NotFound`."""
        account = await self._store.find_account(fold(name))
        if account is None:
            raise NotFound("There is no such account.")
        return account

    async def transferred(
        self, actor: OwnerId, origin: Origin, owner: OwnerId, action: Literal["exported", "imported"], **details: str
    ) -> None:
        """Write down that somebody's chats went into a file, or came out of one."""
        await self._note(action, actor, owner, origin, **details)

    async def name_of(self, owner: OwnerId) -> str:
        """Return what an account is called; its id where it is gone."""
        found = await self._store.accounts([owner])
        return found[0].name if found else owner

    async def list(self, actor: OwnerId, origin: Origin, query: AccountQuery) -> Page[Account]:
        """Return a page of accounts, by name: those whose name begins so, however it is spelled, of a group or of all."""
        await self._note("admin_read", actor, None, origin, what="users")
        group = None if query.group is None else fold(query.group)
        return await self._store.list_accounts(msgspec.structs.replace(query, prefix=fold(query.prefix), group=group))

    async def groups(self, actor: OwnerId, origin: Origin) -> tuple[tuple[str, int], ...]:
        """Return the groups that somebody is in, by name, each with how many are."""
        await self._note("admin_read", actor, None, origin, what="groups")
        return await self._store.groups()

    async def join(self, actor: OwnerId, origin: Origin, owner: OwnerId, groups: Iterable[str]) -> Account:
        """Put an account into groups, which are there with their first member."""
        return await self._regroup(actor, origin, owner, AccountChanges(joins=check_groups(groups)))

    async def leave(self, actor: OwnerId, origin: Origin, owner: OwnerId, groups: Iterable[str]) -> Account:
        """Take an account out of groups."""
        return await self._regroup(actor, origin, owner, AccountChanges(leaves=check_groups(groups)))

    async def _regroup(self, actor: OwnerId, origin: Origin, owner: OwnerId, changes: AccountChanges) -> Account:
        before = await self._accounts.account(owner)
        changed = await self._change(owner, changes)
        await self._note_groups(actor, origin, before, changed)
        return changed

    async def _note_groups(self, actor: OwnerId, origin: Origin, before: Account, changed: Account) -> None:
        joined, left = set(changed.groups) - set(before.groups), set(before.groups) - set(changed.groups)
        named = {"joined": joined, "left": left}
        if details := {what: ",".join(sorted(names)) for what, names in named.items() if names}:
            await self._note("groups_changed", actor, changed.id, origin, **details)

    async def names_of(self, owners: Collection[OwnerId]) -> Mapping[OwnerId, str]:
        """Return what those of these accounts that there are are called, for somebody who reads about them."""
        found = await self._store.accounts(sorted(owners)) if owners else ()
        return {account.id: account.name for account in found}

    async def names_of_users(
        self, actor: OwnerId, origin: Origin, owners: Collection[OwnerId]
    ) -> Mapping[OwnerId, str]:
        """Return the names of those accounts, that there are, of which an administrator reads what they used."""
        await self._note("admin_read", actor, None, origin, what="usage")
        return await self.names_of(owners)

    async def disable(self, actor: OwnerId, origin: Origin, owner: OwnerId, *, disabled: bool = True) -> Account:
        """Let an account in no more, with any credential, or again; its sessions end for good."""
        return await self.change(actor, origin, owner, disabled=disabled)

    async def set_roles(self, actor: OwnerId, origin: Origin, owner: OwnerId, roles: tuple[str, ...]) -> Account:
        """Change what an account may do; it holds at once, also for open connections."""
        return await self.change(actor, origin, owner, roles=roles)

    async def set_password(self, actor: OwnerId, origin: Origin, owner: OwnerId, password: str) -> None:
        """Give an account another password, which ends all its sessions."""
        await self.change(actor, origin, owner, password=password)

    async def change(
        self,
        actor: OwnerId,
        origin: Origin,
        owner: OwnerId,
        *,
        disabled: bool | None = None,
        roles: tuple[str, ...] | None = None,
        password: str | None = None,
        quotas: tuple[Quota, ...] | None = None,
        groups: tuple[str, ...] | None = None,
    ) -> Account:
        """Change what is not None, all of it or nothing; raises `NotFound`, `InvalidRequest`, or `Forbidden`.

        Nobody does this to an account of their own: a service keeps its last administrator, and a password is changed by
        whoever knows the present one.
        """
        account = await self._other(actor, owner)
        if password is not None:
            self._passwords.check(password, account.name)
        changes = AccountChanges(
            disabled=msgspec.UNSET if disabled is None else disabled,
            roles=msgspec.UNSET if roles is None else check_roles(roles),
            password_hash=msgspec.UNSET if password is None else await self._passwords.hash(password),
            quotas=msgspec.UNSET if quotas is None else quotas,
            groups=msgspec.UNSET if groups is None else check_groups(groups),
            ends_sessions=bool(disabled) or password is not None,
        )
        changed = await self._change(owner, changes)
        await self._note_changes(actor, origin, owner, changes)
        await self._note_groups(actor, origin, account, changed)
        return changed

    async def _note_changes(self, actor: OwnerId, origin: Origin, owner: OwnerId, changes: AccountChanges) -> None:
        if not isinstance(changes.disabled, msgspec.UnsetType):
            await self._note("account_disabled" if changes.disabled else "account_enabled", actor, owner, origin)
        if not isinstance(changes.roles, msgspec.UnsetType):
            await self._note("roles_changed", actor, owner, origin, roles=",".join(changes.roles))
        if not isinstance(changes.quotas, msgspec.UnsetType):
            await self._note("quotas_changed", actor, owner, origin)
        if not isinstance(changes.password_hash, msgspec.UnsetType):
            await self._note("password_changed", actor, owner, origin)

    async def _other(self, actor: OwnerId, owner: OwnerId) -> Account:
        """Return the account of somebody else."""
        if actor == owner:
            raise Forbidden("This is your own account: change it where everybody does, or let another administrator.")
        return await self._accounts.account(owner)

    async def delete(self, actor: OwnerId, origin: Origin, owner: OwnerId) -> None:
        """Delete an account with all its data, or raise `NotFound`."""
        await self._other(actor, owner)
        await self._accounts.erase(owner)
        await self._note("account_deleted", actor, owner, origin)

    async def _change(self, owner: OwnerId, changes: AccountChanges) -> Account:
        changed = await self._store.change_account(owner, changes)
        if changed is None:
            raise NotFound(NO_ACCOUNT)
        if changes.ends_sessions:
            await self._store.end_sessions(owner)
        await self._accounts.standings.tell(owner)
        if changes.disabled is True:
            self._accounts.stop_answers_later(owner)
        return changed

    # Sessions

    async def sessions(self, actor: OwnerId, origin: Origin, owner: OwnerId) -> tuple[Session, ...]:
        """Return an account's sessions that go on, newest first."""
        account = await self._accounts.account(owner)
        await self._note("admin_read", actor, owner, origin, what="sessions")
        return await self._accounts.sessions.of(account)

    async def end_session(self, actor: OwnerId, origin: Origin, owner: OwnerId, session: SessionId) -> None:
        """End one of an account's sessions, or raise `NotFound`."""
        await self._accounts.sessions.end(owner, session)
        await self._note("session_ended", actor, owner, origin, session=session)

    async def end_sessions(self, actor: OwnerId, origin: Origin, owner: OwnerId) -> None:
        """End all sessions of an account; its personal tokens stay."""
        await self._change(owner, AccountChanges(ends_sessions=True))
        await self._store.end_sessions(owner)
        await self._note("logout_all", actor, owner, origin)

    # Invitations

    async def invite(
        self, actor: OwnerId, origin: Origin, lives: timedelta, roles: tuple[str, ...] = ("user",)
    ) -> tuple[Invitation, str]:
        """Return a new invitation, and its code, which nobody can be shown again."""
        if not timedelta(0) < lives <= LONGEST_INVITATION:
            raise InvalidRequest(f"An invitation lives at most {LONGEST_INVITATION.days} days.")
        code, at = new_token(INVITATION), now()
        invitation = Invitation(InvitationId(new_id()), hash_of(code), actor, at, at + lives, check_roles(roles))
        await self._store.create_invitation(invitation)
        await self._note("invited", actor, None, origin, invitation=invitation.id, roles=",".join(invitation.roles))
        return invitation, code

    async def invitations(self, actor: OwnerId, origin: Origin) -> tuple[Invitation, ...]:
        """Return the invitations that can still be used, newest first."""
        await self._note("admin_read", actor, None, origin, what="invitations")
        at = now()
        return tuple(each for each in await self._store.list_invitations() if each.expires_at > at)

    async def take_back(self, actor: OwnerId, origin: Origin, invitation: InvitationId) -> None:
        """Let an invitation be used no more, or raise `NotFound`."""
        if not await self._store.delete_invitation(invitation):
            raise NotFound("There is no such invitation.")
        await self._note("invitation_deleted", actor, None, origin, invitation=invitation)

    # Audit

    async def audit(self, actor: OwnerId, origin: Origin, query: AuditQuery) -> Page[AuditRecord]:
        """Return a page of the audit, newest first; that it was read stands in it too."""
        await self._note("admin_read", actor, query.account, origin, what="audit")
        return await self._store.list_audit(query)

    async def records(
        self, actor: OwnerId, origin: Origin, wanted: Wanted, limit: int, *, follow: bool = False
    ) -> AsyncIterator[AuditRecord]:
        """Return the newest records that are wanted, oldest first; to `follow`, then for ever what comes."""
        await self._note("admin_read", actor, wanted.account, origin, what="audit")
        return following(self._store, wanted, limit) if follow else latest(self._store, wanted, limit)

    async def _note(
        self, action: Action, actor: OwnerId, subject: OwnerId | None, origin: Origin, **details: str
    ) -> None:
        await self._audit.note(action, actor=actor, subject=subject, address=origin.address, **details)
