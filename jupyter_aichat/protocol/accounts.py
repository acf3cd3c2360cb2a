"""Bodies of what people do with their accounts, by the wire's names. What holds secrets shows none of them in its repr."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jupyter_aichat.domain.account import Preference, PreferenceName

UserName = Annotated[str, Meta(max_length=256)]
Password = Annotated[str, Meta(max_length=4096)]
Secret = Annotated[str, Meta(min_length=1, max_length=4096)]
TokenScope = Literal["chats:read", "chats:write", "admin"]
Days = Annotated[int, Meta(ge=1, le=366)]
RegistrationMode = Literal["open", "invitation", "closed"]


class Confidential(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A body whose fields nobody shall read in a log."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


# Coming in


class RegisterBody(Confidential, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who wants an account; with an invitation where one is needed."""

    username: UserName
    password: Password
    display_name: UserName = ""
    invitation: Secret | None = None


class LoginBody(Confidential, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who logs in. With ``cookie`` the refresh token comes as a cookie that no script can read.

    ``known`` is a refresh or access token from before: whoever brings one of the account's own is not locked out by
    others' wrong passwords.
    """

    username: UserName
    password: Password
    cookie: bool = False
    known: Secret | None = None


class RefreshBody(Confidential, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The refresh token, unless it comes as a cookie; the same ``attempt`` gets the same answer for 30 seconds."""

    refresh_token: Secret | None = None
    attempt: Annotated[str, Meta(min_length=1, max_length=128)] | None = None


class LogoutBody(Confidential, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The refresh token, unless it comes as a cookie; without either the session of the access token ends."""

    refresh_token: Secret | None = None


class PasswordRules(msgspec.Struct, frozen=True):
    """What a new password must be: at least so many characters, at most so many bytes in UTF-8."""

    min_characters: int
    max_bytes: int


class AuthReply(msgspec.Struct, frozen=True):
    """Who may register here, and with which passwords."""

    registration: RegistrationMode
    password: PasswordRules


class GrantReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a login or a refresh gives; ``expires_in`` are the seconds of the access token.

    ``refresh_token`` is absent where it went into the cookie.
    """

    access_token: str
    refresh_token: str | UnsetType = UNSET
    expires_in: int
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 (a kind, no secret)

    def __repr__(self) -> str:
        return "GrantReply()"


# One's own account


class ProfileBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to change of one's own account; preferences are laid over those that there are, null takes one away."""

    display_name: UserName | UnsetType = UNSET
    preferences: Annotated[dict[PreferenceName, Preference | None], Meta(max_length=64)] | UnsetType = UNSET


class PasswordBody(Confidential, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The present password and the one to have from now on."""

    password: Password
    new_password: Password


class LeaveBody(Confidential, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The password, once more, of who deletes the account."""

    password: Password


class UsedReply(msgspec.Struct, frozen=True, kw_only=True):
    """What one used of a model on a day (UTC), over so many answers.

    ``model`` begins with its provider's name, ``seconds`` are those in which it wrote.
    """

    day: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    runs: int


class UsedPage(msgspec.Struct, frozen=True):
    """Some of what one used, newest day first, and the opaque cursor to what comes after."""

    items: tuple[UsedReply, ...]
    next: str | None


class SessionReply(msgspec.Struct, frozen=True):
    """A login that goes on; ``address`` and ``agent`` are those of its last refresh, at ``refreshed_at``."""

    id: str
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    address: str
    agent: str
    current: bool


class SessionsReply(msgspec.Struct, frozen=True):
    """All sessions of the account, newest first."""

    items: tuple[SessionReply, ...]
    next: None = None


class NewTokenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A personal token to make: for what, what it may do, and for how many days."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scopes: Annotated[tuple[TokenScope, ...], Meta(min_length=1, max_length=8)] = ("chats:read", "chats:write")
    days: Days = 90


class TokenReply(msgspec.Struct, frozen=True, kw_only=True):
    """A personal token; ``used_at`` is right to the hour."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


class NewTokenReply(TokenReply, frozen=True, kw_only=True):
    """A new personal token, which is never shown again."""

    token: str

    def __repr__(self) -> str:
        return f"NewTokenReply({self.id!r})"


class TokensReply(msgspec.Struct, frozen=True):
    """All personal tokens of the account, newest first."""

    items: tuple[TokenReply, ...]
    next: None = None
