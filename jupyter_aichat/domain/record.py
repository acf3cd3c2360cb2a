"""All that a store keeps, as it is carried to another store or into a file.

Records say what the store's own columns say beside a value: whose it is, how deep in the tree. What a process keeps there about
itself is not carried: instances, changes that others still have to hear of, and which runs of deleted chats it has charged, which
nobody can end again once all processes have stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.audit import AuditRecord
from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.credential import Invitation, PersonalToken, Session
from jupyter_aichat.domain.ids import ChatId, OwnerId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.run import RunRecord, Segment
from jupyter_aichat.domain.share import Share
from jupyter_aichat.domain.usage import UsageRecord


class Mark(msgspec.Struct, frozen=True):
    """Something that was done once for all, such as making the first administrator."""

    name: str


class KeptChat(msgspec.Struct, frozen=True):
    """A chat, whose it is, the counter that numbers its messages, and when it came from elsewhere, if it did."""

    owner_id: OwnerId
    counter: int
    chat: Chat
    came_at: datetime | None = None


class KeptMessage(msgspec.Struct, frozen=True):
    """A message as it was folded last, whose it is, and how deep in the tree it stands (its root has 1)."""

    owner_id: OwnerId
    depth: int
    message: Message


class KeptKey(msgspec.Struct, frozen=True):
    """An idempotency key and what it committed; ``deleted_at`` since when the chat is gone."""

    owner_id: OwnerId
    key: str
    fingerprint: str
    chat_id: ChatId
    run_id: RunId
    chat_created: bool
    deleted_at: datetime | None = None


class Remains(msgspec.Struct, frozen=True):
    """A deleted chat of which something is left, that still has to be taken away."""

    owner_id: OwnerId
    chat_id: ChatId


Record = (
    Account | Mark | Invitation | Session | PersonalToken | KeptChat | KeptMessage | RunRecord | Segment | KeptKey | Share
    | UsageRecord | AuditRecord | Remains
)  # fmt: skip
Kind = Literal[
    "marks", "accounts", "invitations", "sessions", "tokens", "chats", "messages", "runs", "segments", "keys", "shares",
    "usage", "audit", "remains",
]  # fmt: skip

KINDS: Mapping[Kind, type[Record]] = {
    "marks": Mark,
    "accounts": Account,
    "invitations": Invitation,
    "sessions": Session,
    "tokens": PersonalToken,
    "chats": KeptChat,
    "messages": KeptMessage,
    "runs": RunRecord,
    "segments": Segment,
    "keys": KeptKey,
    "shares": Share,
    "usage": UsageRecord,
    "audit": AuditRecord,
    "remains": Remains,
}
"""The kinds of records in the order in which they are written: each after what it speaks of."""
