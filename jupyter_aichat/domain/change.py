"""What changed in an owner's chats, for all of the owner's open views."""

from __future__ import annotations

from typing import Literal

import msgspec

from jupyter_aichat.domain.ids import ChatId, MessageId, OwnerId, RunId

ChangeKind = Literal["created", "updated", "deleted", "message"]


class Change(msgspec.Struct, frozen=True):
    """One change; ``message`` names the reply and the run that began to fill it.

    So does ``created``, where a chat began with its first message.
    """

    owner_id: OwnerId
    chat_id: ChatId
    change: ChangeKind
    message_id: MessageId | None = None
    run_id: RunId | None = None
