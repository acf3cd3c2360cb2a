"""A chat: a tree of messages with one active branch."""

from __future__ import annotations

from datetime import datetime

import msgspec

from jupyter_aichat.domain.ids import ChatId, MessageId
from jupyter_aichat.domain.options import Options


class Chat(msgspec.Struct, frozen=True):
    """A chat as its owner sees it; the owner's id stands beside it, never in it."""

    id: ChatId
    title: str
    created_at: datetime
    updated_at: datetime
    model: str | None = None
    preset_id: str | None = None
    options: Options = Options()
    pinned: bool = False
    archived: bool = False
    active_leaf: MessageId | None = None


class ChatChanges(msgspec.Struct, frozen=True, omit_defaults=True):
    """What may be changed of a chat; UNSET leaves a field as it is."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    model: str | None | msgspec.UnsetType = msgspec.UNSET
    options: Options | msgspec.UnsetType = msgspec.UNSET
    pinned: bool | msgspec.UnsetType = msgspec.UNSET
    archived: bool | msgspec.UnsetType = msgspec.UNSET
    active_leaf: MessageId | msgspec.UnsetType = msgspec.UNSET


class ChatQuery(msgspec.Struct, frozen=True):
    """Which chats to list: newest change first, pinned ones before the others.

    ``q`` is found anywhere in the title, whatever its case; ``archived`` and ``pinned`` None mean both.
    """

    q: str = ""
    archived: bool | None = False
    pinned: bool | None = None
    cursor: str | None = None
    limit: int = 60
