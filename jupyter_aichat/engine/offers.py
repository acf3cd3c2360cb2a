"""What a process that asks no model says to those that do: here is a run that nobody has; and what it hears: I have it."""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.ids import ChatId, InstanceId, MessageId, OwnerId, RunId

OFFERS = "offer"
TAKEN = "taken"


class Offer(msgspec.Struct, frozen=True, array_like=True):
    """A run that is in the store and has no owner. ``worker`` should claim it; None: whoever is first."""

    worker: InstanceId | None
    owner: OwnerId
    run: RunId
    chat: ChatId
    question: MessageId
    reply: MessageId
