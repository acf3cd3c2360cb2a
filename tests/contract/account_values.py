"""Accounts and what lets people in, put together for tests."""

from __future__ import annotations

from datetime import timedelta

from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.credential import Invitation, PersonalToken, Rotation, Session
from jupyter_aichat.domain.ids import InvitationId, OwnerId, SessionId, TokenId, new_id
from jupyter_aichat.stores.accounts import AccountStore

DAY = timedelta(days=1)


def account_named(name: str, **fields: object) -> Account:
    at = now()
    return Account(OwnerId(new_id()), name, name.casefold(), name, at, at, **{"password_hash": "h1", **fields})  # type: ignore[arg-type]


def session_of(account: Account, *, refresh: str = "r1", lives: timedelta = DAY) -> Session:
    at = now()
    return Session(SessionId(new_id()), account.id, account.stamp, refresh, at, at, at + lives, at + 9 * DAY)


def rotation(before: str, after: str, attempt: str | None = "try") -> Rotation:
    at = now()
    return Rotation(before, after, attempt, at, at + DAY, "192.0.2.1", "Firefox")


def token_of(account: Account, name: str = "script") -> PersonalToken:
    at = now()
    return PersonalToken(TokenId(new_id()), account.id, name, new_id(), ("chat",), at, at + DAY)


def invitation_by(account: Account, *, lives: timedelta = DAY, roles: tuple[str, ...] = ("user",)) -> Invitation:
    at = now()
    return Invitation(InvitationId(new_id()), new_id(), account.id, at, at + lives, roles)


async def registered(accounts: AccountStore, name: str = "Ada") -> Account:
    return await accounts.create_account(account_named(name))
