"""What lets somebody in: sessions, personal tokens, invitations. Secrets stand in them only as hashes."""

from __future__ import annotations

from datetime import datetime

import msgspec

from jupyter_aichat.domain.ids import InvitationId, OwnerId, SessionId, TokenId


class Session(msgspec.Struct, frozen=True):
    """A login that lasts: a family of refresh tokens, of which one is valid.

    ``stamp`` is the account's when it began. ``refresh_hash`` is of the valid token, ``before_hash`` of the one that it
    came from by ``attempt_hash`` at ``rotated_at``. Times and addresses are for the person to recognise it by.
    """

    id: SessionId
    owner_id: OwnerId
    stamp: int
    refresh_hash: str
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime
    ends_at: datetime
    before_hash: str | None = None
    attempt_hash: str | None = None
    address: str = ""
    agent: str = ""


class Rotation(msgspec.Struct, frozen=True):
    """The next refresh token of a session in the place of the one before."""

    before_hash: str
    refresh_hash: str
    attempt_hash: str | None
    at: datetime
    expires_at: datetime
    address: str = ""
    agent: str = ""

    def of(self, session: Session) -> Session:
        """Return the session as rotated."""
        return msgspec.structs.replace(
            session, before_hash=self.before_hash, refresh_hash=self.refresh_hash, attempt_hash=self.attempt_hash,
            rotated_at=self.at, expires_at=self.expires_at, address=self.address, agent=self.agent,
        )  # fmt: skip


class PersonalToken(msgspec.Struct, frozen=True):
    """A token for scripts and kernels: named, with scopes, and an end. ``used_at`` is right to the hour."""

    id: TokenId
    owner_id: OwnerId
    name: str
    hash: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class Invitation(msgspec.Struct, frozen=True):
    """Lets one person register, with these roles."""

    id: InvitationId
    hash: str
    created_by: OwnerId
    created_at: datetime
    expires_at: datetime
    roles: tuple[str, ...] = ("user",)
