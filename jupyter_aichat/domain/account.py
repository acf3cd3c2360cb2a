"""An account of the service: a person, or a program that acts as one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.quota import Quota

ROLES = ("user", "admin")

MOST_PREFERENCES = 64
MOST_GROUPS = 64
PreferenceName = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$(?!\n)")]
Preference = (
    Annotated[str, Meta(max_length=1024)]
    | bool
    | Annotated[int, Meta(ge=-(2**53), le=2**53)]
    | Annotated[float, Meta(ge=-1e15, le=1e15)]
)
"""What a person sets of a front end (language, theme …): plain values by plain names, which mean nothing to us."""


class Account(msgspec.Struct, frozen=True):
    """An account; its id owns chats.

    ``name`` is what the person typed, ``folded_name`` what is unique. ``stamp`` goes up whenever all sessions shall end: a
    session that bears another one is none. ``password_hash`` None lets nobody log in by password. ``quotas`` are the person's
    own, which go before those that the service's rules say. ``groups`` are names, folded and sorted, that stand nowhere else:
    a group is there as long as somebody is in it.
    """

    id: OwnerId
    name: str
    folded_name: str
    display_name: str
    created_at: datetime
    changed_at: datetime
    password_hash: str | None = None
    roles: tuple[str, ...] = ("user",)
    disabled: bool = False
    stamp: int = 1
    preferences: Mapping[str, Preference] = {}
    quotas: tuple[Quota, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def administers(self) -> bool:
        """Whether somebody can act as an administrator by it."""
        return "admin" in self.roles and not self.disabled

    def __repr__(self) -> str:
        return f"Account({self.id!r}, {self.name!r})"


class AccountQuery(msgspec.Struct, frozen=True):
    """Which accounts to list: those whose folded name begins so, of one group or of all."""

    prefix: str = ""
    group: str | None = None
    cursor: str | None = None
    limit: int = 60


class AccountChanges(msgspec.Struct, frozen=True):
    """What may be changed of an account; UNSET leaves a field as it is. ``ends_sessions`` raises the stamp.

    ``preferences`` are laid over those that there are; None takes one away. ``groups`` are all that there shall be; those that
    are joined or left change what there is at the time.
    """

    display_name: str | msgspec.UnsetType = msgspec.UNSET
    password_hash: str | None | msgspec.UnsetType = msgspec.UNSET
    roles: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    quotas: tuple[Quota, ...] | msgspec.UnsetType = msgspec.UNSET
    groups: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    joins: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    preferences: Mapping[str, Preference | None] | msgspec.UnsetType = msgspec.UNSET
    ends_sessions: bool = False

    def of(self, account: Account, at: datetime) -> Account:
        """Return the account as changed."""
        fields = {
            name: value
            for name in ("display_name", "password_hash", "roles", "disabled", "quotas")
            if (value := getattr(self, name)) is not msgspec.UNSET
        }
        stamp, preferences = account.stamp + self.ends_sessions, self.preferences_over(account.preferences)
        at, groups = max(at, account.changed_at), self._groups_over(account.groups)
        return msgspec.structs.replace(
            account, **fields, groups=groups, preferences=preferences, stamp=stamp, changed_at=at
        )

    def _groups_over(self, present: tuple[str, ...]) -> tuple[str, ...]:
        groups = present if isinstance(self.groups, msgspec.UnsetType) else self.groups
        return tuple(sorted({*groups, *self.joins}.difference(self.leaves)))

    def preferences_over(self, present: Mapping[str, Preference]) -> Mapping[str, Preference]:
        """Return the preferences as changed."""
        if isinstance(self.preferences, msgspec.UnsetType):
            return present
        return {name: value for name, value in {**present, **self.preferences}.items() if value is not None}
