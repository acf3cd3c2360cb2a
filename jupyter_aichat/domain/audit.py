"""A record of who did what; never a prompt, a password or a token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from jupyter_aichat.domain.ids import OwnerId

Action = Literal[
    "registered", "login", "login_failed", "login_limited", "logout", "logout_all", "session_ended", "token_reused",
    "password_changed", "token_created", "token_deleted", "invited", "invitation_deleted", "account_created",
    "account_changed", "account_disabled", "account_enabled", "roles_changed", "groups_changed", "quotas_changed", "account_deleted", "exported", "imported", "admin_read",
    "shared", "share_revoked", "share_left", "chats_expired",
]  # fmt: skip


class AuditRecord(msgspec.Struct, frozen=True):
    """Who (``actor``) did what to whom (``subject``), when, and from which address.

    An actor of None is somebody who was not logged in. ``details`` are short words and ids. ``action`` is an `Action`, or one that
    a newer version wrote, which a replica of this version lists as it is.
    """

    id: str
    at: datetime
    action: str
    actor: OwnerId | None = None
    subject: OwnerId | None = None
    address: str = ""
    details: Mapping[str, str] = {}


class AuditQuery(msgspec.Struct, frozen=True):
    """Which records to list, newest first; ``account`` is actor or subject."""

    account: OwnerId | None = None
    action: Action | None = None
    cursor: str | None = None
    limit: int = 100
