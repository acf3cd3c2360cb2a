"""What people do with their accounts: register, log in, change, log out, leave. The handlers call this once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Literal

import msgspec

from jupyter_aichat.auth.aftermath import Aftermath
from jupyter_aichat.auth.audit import Audit
from jupyter_aichat.auth.doors import Doors
from jupyter_aichat.auth.export import export
from jupyter_aichat.auth.names import check_display_name, check_name, usable_groups
from jupyter_aichat.auth.opaque import PERSONAL, hash_of
from jupyter_aichat.auth.passwords import MOST_BYTES, Passwords
from jupyter_aichat.auth.personal import PersonalTokens
from jupyter_aichat.auth.registration import Registration, RegistrationMode
from jupyter_aichat.auth.sessions import Sessions
from jupyter_aichat.auth.standings import Standings
from jupyter_aichat.auth.tokens import INVALID, AccessTokens
from jupyter_aichat.domain.account import Account, AccountChanges, Preference
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.credential import PersonalToken
from jupyter_aichat.domain.folding import fold
from jupyter_aichat.domain.identity import Credential, Grant, Identity, Origin
from jupyter_aichat.domain.ids import OwnerId, RunId, SessionId, new_id
from jupyter_aichat.errors import Forbidden, InvalidRequest, NameTaken, NotFound, QueueFull, Unauthenticated
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.shares import ShareStore
from jupyter_aichat.stores.usage import UsageStore

NO_ACCOUNT = "There is no such account."
_WRONG = "The user name or the password is wrong."


def new_account(
    name: str, password_hash: str | None, display_name: str = "", roles: tuple[str, ...] = ("user",)
) -> Account:
    """Return an account that is not written yet; raises `InvalidRequest` for its names."""
    shown, at = check_name(name), now()
    display_name = check_display_name(display_name or shown)
    return Account(OwnerId(new_id()), shown, fold(shown), display_name, at, at, password_hash, roles)


class Accounts:
    """The accounts of a service.

    Parameters
    ----------
    store, chats, shares
        Where the accounts are, and where their chats and the shares of these are.
    leaving
        Called before an account's data are deleted, to forget what is kept of them elsewhere.
    deleted
        Called with the runs that were under way when their account was deleted.
    """

    def __init__(
        self,
        store: AccountStore,
        chats: Store,
        shares: ShareStore,
        usage: UsageStore,
        *,
        registration: RegistrationMode,
        passwords: Passwords,
        access: AccessTokens,
        sessions: Sessions,
        tokens: PersonalTokens,
        standings: Standings,
        doors: Doors,
        audit: Audit,
        aftermath: Aftermath,
        leaving: Callable[[OwnerId], Awaitable[None]] | None = None,
        deleted: Callable[[OwnerId, tuple[RunId, ...]], None] = lambda _owner, _runs: None,
    ) -> None:
        self.registration: RegistrationMode = registration
        self.sessions, self.tokens, self.standings = sessions, tokens, standings
        self._store, self._chats, self._passwords, self._access = store, chats, passwords, access
        self._doors, self._audit, self._shares, self._usage = doors, audit, shares, usage
        self._leaving, self._deleted, self._aftermath = leaving, deleted, aftermath

    @property
    def password_bounds(self) -> tuple[int, int]:
        """How many characters a new password has at least, and how many bytes at most."""
        return self._passwords.least_characters, MOST_BYTES

    @property
    def aftermath(self) -> Aftermath:
        """What is done once more when ends of access have been heard everywhere."""
        return self._aftermath

    async def start(self) -> None:
        """Begin to hash, and to look how credentials stand."""
        self._passwords.open()
        self.standings.start()

    async def stop(self) -> None:
        """Let what is under way end."""
        await self._aftermath.stop()
        await self.standings.stop()
        await self._passwords.close()

    # Coming in

    async def register(self, wanted: Registration, origin: Origin) -> Account:
        """Make an account for somebody who is not logged in.

        Raises `Forbidden` where that is not allowed (so), `InvalidRequest`, `NameTaken`, `RateLimited`, or `QueueFull`.
        """
        if self.registration == "closed":
            raise Forbidden("Nobody can register here; ask an administrator for an account.")
        if self.registration == "invitation" and wanted.invitation is None:
            raise Forbidden("You need an invitation to register here.")
        account = new_account(wanted.name, None, wanted.display_name)
        self._passwords.check(wanted.password, account.name)
        await self._doors.registration(origin)
        if await self._store.find_account(account.folded_name) is not None:
            raise NameTaken
        account = msgspec.structs.replace(account, password_hash=await self._passwords.hash(wanted.password))
        invitation = None if wanted.invitation is None else hash_of(wanted.invitation)
        account = await self._store.create_account(account, invitation_hash=invitation)
        await self._audit.note("registered", actor=account.id, subject=account.id, address=origin.address)
        return account

    async def login(self, name: str, password: str, origin: Origin, *, known: str | None = None) -> Grant:
        """Begin a session; raises `Unauthenticated` alike for an unknown name, a wrong password and a disabled account.

        `known` is a refresh or access token that the client has from before: who brings one of the account's own is not
        locked out by those who guess elsewhere. Raises also `RateLimited`, and `QueueFull` where too many log in.
        """
        folded = fold(name)
        before = await self.sessions.known(known) if known else None
        account = await self._store.find_account(folded)
        subject = None if account is None else account.id
        session = before.id if before is not None and before.owner_id == subject else None
        async with self._doors.attempt(folded, origin, subject=subject, session=session) as attempt:
            right = await self._passwords.matches(password, None if account is None else account.password_hash)
            if account is None or not right or account.disabled:
                await self._audit.note("login_failed", subject=subject, address=origin.address)
                raise Unauthenticated(_WRONG)
            attempt.succeeded = True
        account = await self._upgraded(account, password)
        grant = await self.sessions.begin(account, origin)
        await self._audit.note(
            "login", actor=account.id, subject=account.id, address=origin.address, session=grant.session_id
        )
        return grant

    async def _upgraded(self, account: Account, password: str) -> Account:
        """Hash anew where the cost was changed; one that cannot be now will be at the next login."""
        outdated = account.password_hash
        if outdated is None or not self._passwords.is_outdated(outdated):
            return account
        try:
            changes = AccountChanges(password_hash=await self._passwords.rehash(password))
        except QueueFull:
            return account
        return await self._store.change_account(account.id, changes, if_hash=outdated) or account

    async def authenticate(self, bearer: str) -> Identity:
        """Return who a bearer token is; raises `Unauthenticated`, or `StoreUnavailable` where that cannot be known."""
        if bearer.startswith(PERSONAL):
            credential, expires_at = Credential("token", hash_of(bearer)), None
        else:
            claims = self._access.read(bearer)
            credential, expires_at = Credential("session", claims.session_id), claims.expires_at
        standing = await self.standings.of(credential)
        if standing.ending(now()) is not None or standing.proof is None:
            raise Unauthenticated(INVALID)
        if isinstance(standing.proof, PersonalToken):
            await self.tokens.used(standing.proof)
        return Identity(standing.principal(), credential, expires_at or standing.proof.expires_at)

    async def vouched(
        self, owner: OwnerId, name: str, display_name: str = "", groups: tuple[str, ...] | None = None
    ) -> Account:
        """Return the account of somebody whom another place lets in; it is made at the first time, and has no password.

        The account's groups become those that the other place says, unless it says none (None). Who has a name that is
        another's here, as one reads it, is not found by it.
        """
        account = await self._vouched(owner, name, display_name)
        wanted = account.groups if groups is None else usable_groups(groups)
        if wanted == account.groups:
            return account
        return await self._store.change_account(owner, AccountChanges(groups=wanted)) or account

    async def _vouched(self, owner: OwnerId, name: str, display_name: str) -> Account:
        found = await self._store.accounts([owner])
        if found:
            return found[0]
        try:
            shown = check_display_name(display_name)
        except InvalidRequest:
            shown = name
        at = now()
        account = Account(owner, name, fold(name), shown, at, at)
        try:
            account = await self._store.create_account(account)
        except NameTaken:
            if found := await self._store.accounts([owner]):  # made at the same time, by another process
                return found[0]
            account = msgspec.structs.replace(account, folded_name=f"{owner}:")  # nobody's name has a colon
            account = await self._store.create_account(account)
        await self._audit.note("registered", actor=owner, subject=owner)
        return account

    async def came_in(self, owner: OwnerId, origin: Origin) -> None:
        """Write down that somebody whom another place lets in has logged in by a browser."""
        await self._audit.note("login", actor=owner, subject=owner, address=origin.address)

    # Going out

    async def went_out(self, owner: OwnerId, origin: Origin) -> None:
        """Write down that somebody whom another place lets in has logged out by a browser."""
        await self._audit.note("logout", actor=owner, subject=owner, address=origin.address)

    async def logout(self, refresh_token: str, origin: Origin) -> None:
        """End the session of a refresh token; one that is no more is no error."""
        session = await self.sessions.to_end(refresh_token)
        if session is not None:
            await self._end(session.owner_id, session.id, "logout", origin)

    async def logout_here(self, identity: Identity, origin: Origin) -> None:
        """End the session that an access token belongs to."""
        if identity.session_id is not None:
            await self._end(identity.principal.owner_id, identity.session_id, "logout", origin)

    async def end_session(self, owner: OwnerId, session: SessionId, origin: Origin) -> None:
        """End one of an account's sessions, or raise `NotFound`."""
        await self._end(owner, session, "session_ended", origin)

    async def _end(
        self, owner: OwnerId, session: SessionId, action: Literal["logout", "session_ended"], origin: Origin
    ) -> None:
        await self.sessions.end(owner, session)
        await self._audit.note(action, actor=owner, subject=owner, address=origin.address, session=session)

    async def logout_all(self, owner: OwnerId, origin: Origin) -> None:
        """End all sessions of an account; its personal tokens stay."""
        await self._store.change_account(owner, AccountChanges(ends_sessions=True))
        await self._store.end_sessions(owner)
        await self.standings.tell(owner)
        await self._audit.note("logout_all", actor=owner, subject=owner, address=origin.address)

    # The account

    async def account(self, owner: OwnerId) -> Account:
        """Return an account, or raise `NotFound`."""
        found = await self._store.accounts([owner])
        if not found:
            raise NotFound(NO_ACCOUNT)
        return found[0]

    async def change_profile(
        self,
        owner: OwnerId,
        *,
        display_name: str | None = None,
        preferences: Mapping[str, Preference | None] | None = None,
    ) -> Account:
        """Change the name that others see, and preferences, of which None takes one away; raises `InvalidRequest`."""
        changes = AccountChanges(
            display_name=msgspec.UNSET if display_name is None else check_display_name(display_name),
            preferences=msgspec.UNSET if preferences is None else preferences,
        )
        changed = await self._store.change_account(owner, changes)
        if changed is None:
            raise NotFound(NO_ACCOUNT)
        await self.standings.tell(owner)
        return changed

    async def change_password(self, identity: Identity, present: str, wanted: str, origin: Origin) -> None:
        """Change the password, which ends all other sessions; raises `Forbidden` where the present one is wrong."""
        account = await self._proven(identity, present, origin)
        self._passwords.check(wanted, account.name)
        if wanted == present:
            raise InvalidRequest("This is your present password.")
        changes = AccountChanges(password_hash=await self._passwords.hash(wanted), ends_sessions=True)
        changed = await self._store.change_account(
            account.id, changes, if_hash=account.password_hash, keep=identity.session_id
        )
        if changed is None:
            raise Forbidden("The password was changed meanwhile.")
        await self._store.end_sessions(account.id)
        await self.standings.tell(account.id)
        await self._audit.note("password_changed", actor=account.id, subject=account.id, address=origin.address)

    async def _proven(self, identity: Identity, password: str, origin: Origin) -> Account:
        """Let somebody who is logged in prove it once more by the password."""
        account = await self.account(identity.principal.owner_id)
        session = identity.session_id or SessionId(identity.credential.id)
        async with self._doors.attempt(account.folded_name, origin, subject=account.id, session=session) as attempt:
            if not await self._passwords.matches(password, account.password_hash):
                await self._audit.note("login_failed", actor=account.id, subject=account.id, address=origin.address)
                raise Forbidden("The password is wrong.")
            attempt.succeeded = True
        return account

    async def delete(self, identity: Identity, password: str, origin: Origin) -> None:
        """Delete the account with all its data; raises `Forbidden` where the password is wrong."""
        account = await self._proven(identity, password, origin)
        await self.erase(account.id)
        await self._audit.note("account_deleted", actor=account.id, subject=account.id, address=origin.address)

    async def erase(self, owner: OwnerId) -> None:
        """Delete an account with all its data; once more completes what was cut off."""
        await self._store.change_account(owner, AccountChanges(disabled=True, ends_sessions=True))
        await self.standings.tell(owner)
        if self._leaving is not None:
            await self._leaving(owner)
        await self._delete(owner)
        await self.standings.tell(owner)
        self._aftermath.later(lambda: self._delete(owner))

    async def _delete(self, owner: OwnerId) -> None:
        self._deleted(owner, await self._store.delete_account(owner))

    def stop_answers_later(self, owner: OwnerId) -> None:
        """Stop also the answers of a disabled account that begin before every process has heard of it."""
        self._aftermath.later(lambda: self._stop_answers(owner))

    async def _stop_answers(self, owner: OwnerId) -> None:
        account = await self.account(owner)
        if account.disabled:
            await self._store.change_account(owner, AccountChanges(disabled=True))

    async def export(self, owner: OwnerId, origin: Origin) -> AsyncIterator[bytes]:
        """Return all that is kept of an account, as JSON lines; raises `NotFound`."""
        account = await self.account(owner)
        await self._audit.note("exported", actor=owner, subject=owner, address=origin.address)
        return export(account, self._store, self._chats, self._shares, self._usage)
