"""Who is asking with which credential, where people have accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from jupyter_aichat.domain.ids import SessionId
from jupyter_aichat.domain.principal import Principal

Ending = Literal["expired", "ended", "changed", "revoked"]
"""Why a credential lets nobody in any more, or not as before.

``expired``, ``ended`` (logged out) and ``changed`` (roles): refreshing or logging in may help. ``revoked``: the account is
disabled or gone, or the token was deleted.
"""


class Origin(msgspec.Struct, frozen=True):
    """Where a request comes from: an address, as trusted proxies tell it, and what the client calls itself."""

    address: str = ""
    agent: str = ""


class Credential(msgspec.Struct, frozen=True):
    """A session by its id, or a token by its hash: a personal one, or one of a JupyterHub's."""

    kind: Literal["session", "token", "hub"]
    id: str


class Identity(msgspec.Struct, frozen=True):
    """A principal, what it proved itself with, and until when that holds."""

    principal: Principal
    credential: Credential
    expires_at: datetime

    @property
    def session_id(self) -> SessionId | None:
        """The session, where it is one."""
        return SessionId(self.credential.id) if self.credential.kind == "session" else None


class Grant(msgspec.Struct, frozen=True):
    """What a login or a refresh gives; ``expires_in`` are the seconds of the access token."""

    access_token: str
    refresh_token: str
    expires_in: int
    session_id: SessionId
    refresh_expires_at: datetime

    def __repr__(self) -> str:
        return f"Grant(session_id={self.session_id!r})"
