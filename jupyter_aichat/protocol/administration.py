"""Bodies of what administrators do, by the wire's names."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jupyter_aichat.domain.audit import Action, AuditRecord
from jupyter_aichat.domain.quota import Quota
from jupyter_aichat.protocol.accounts import Confidential, Password, UsedReply, UserName
from jupyter_aichat.protocol.bodies import Cursor, Id

Role = Literal["user", "admin"]
Roles = Annotated[tuple[Role, ...], Meta(min_length=1, max_length=8)]
Group = Annotated[str, Meta(min_length=1, max_length=256)]
Groups = Annotated[tuple[Group, ...], Meta(max_length=64)]
Quotas = Annotated[tuple[Quota, ...], Meta(max_length=100)]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)")]
PageSize = Annotated[int, Meta(ge=1, le=200)]


class NewInvitationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An invitation to make: which roles it gives, and for how many days it can be used."""

    roles: Roles = ("user",)
    days: Annotated[int, Meta(ge=1, le=90)] = 7


class InvitationReply(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation that can still be used, once."""

    id: str
    roles: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime


class NewInvitationReply(InvitationReply, frozen=True, kw_only=True):
    """A new invitation, whose code is never shown again."""

    invitation: str

    def __repr__(self) -> str:
        return f"NewInvitationReply({self.id!r})"


class InvitationsReply(msgspec.Struct, frozen=True):
    """All invitations that can still be used, newest first."""

    items: tuple[InvitationReply, ...]
    next: None = None


class NewUserBody(Confidential, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An account to make for somebody."""

    username: UserName
    password: Password
    display_name: UserName = ""
    roles: Roles = ("user",)


class UserChangesBody(Confidential, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to change of somebody's account, all of it or nothing; ``quotas`` go before the service's rules.

    ``groups`` are all that it shall be in; a group is there with its first member.
    """

    roles: Roles | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    quotas: Quotas | UnsetType = UNSET
    groups: Groups | UnsetType = UNSET


class UserReply(msgspec.Struct, frozen=True):
    """An account; ``quotas`` are those of its own, which go before the service's rules."""

    id: str
    name: str
    display_name: str
    roles: tuple[str, ...]
    disabled: bool
    created_at: datetime
    changed_at: datetime
    quotas: tuple[Quota, ...] = ()
    groups: tuple[str, ...] = ()


class UserPage(msgspec.Struct, frozen=True):
    """Some accounts, by name, and the opaque cursor to the next ones."""

    items: tuple[UserReply, ...]
    next: str | None


class UsersQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of the accounts: of those whose user name begins with ``q``, of one group or of all."""

    q: UserName = ""
    group: Group | None = None
    cursor: Cursor | None = None
    limit: PageSize = 60


class AuditPage(msgspec.Struct, frozen=True):
    """Some records, newest first, and the opaque cursor to those before them.

    ``names`` are those of the accounts in them, by their ids, as they are called now; of one that is gone there is none.
    """

    items: tuple[AuditRecord, ...]
    next: str | None
    names: dict[str, str] = {}


class RecordsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which records to list; ``account`` is the id of who did something, or of whom it was done to."""

    account: Id | None = None
    action: Action | None = None
    cursor: Cursor | None = None
    limit: PageSize = 60


class UsageReply(UsedReply, frozen=True, kw_only=True):
    """The same of somebody; ``name`` is null where the account is gone."""

    owner_id: str
    name: str | None


class UsagePage(msgspec.Struct, frozen=True):
    """Some of what was used, newest day first, and the opaque cursor to what comes after."""

    items: tuple[UsageReply, ...]
    next: str | None


class OwnUsedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which days (both included)."""

    since: Day = "0000-00-00"
    until: Day = "9999-12-31"
    cursor: Cursor | None = None
    limit: PageSize = 100


class UsedQuery(OwnUsedQuery, frozen=True, kw_only=True):
    """Whose use, and of which days (both included)."""

    owner_id: Id | None = None
