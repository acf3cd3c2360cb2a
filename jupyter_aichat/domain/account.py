"""An account of the service: a person, or a program that acts as one."""

from __future__ import annotations

from datetime import datetime

import msgspec

from jupyter_aichat.domain.ids import OwnerId

ROLES = ("user", "admin")


class Account(msgspec.Struct, frozen=True):
    """An account; its id owns chats.

    ``name`` is what the person typed, ``folded_name`` what is unique. ``stamp`` goes up whenever all sessions shall end: a
    session that bears another one is none. ``password_hash`` None lets nobody log in by password.
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

    def __repr__(self) -> str:
        return f"Account({self.id!r}, {self.name!r})"


class AccountChanges(msgspec.Struct, frozen=True):
    """What may be changed of an account; UNSET leaves a field as it is. ``ends_sessions`` raises the stamp."""

    display_name: str | msgspec.UnsetType = msgspec.UNSET
    password_hash: str | None | msgspec.UnsetType = msgspec.UNSET
    roles: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    ends_sessions: bool = False

    def of(self, account: Account, at: datetime) -> Account:
        """Return the account as changed."""
        fields = {
            name: value
            for name in ("display_name", "password_hash", "roles", "disabled")
            if (value := getattr(self, name)) is not msgspec.UNSET
        }
        stamp = account.stamp + self.ends_sessions
        return msgspec.structs.replace(account, **fields, stamp=stamp, changed_at=max(at, account.changed_at))
