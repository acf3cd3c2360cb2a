"""What a process that asks no model says to those that do: here is a run that nobody has; and what it hears: I have it."""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.ids import ChatId, InstanceId, MessageId, OwnerId, RunId
from jupyter_aichat.domain.run import NOBODYS_EPOCH

OFFERS = "offer"
TAKEN = "taken"


class Offer(msgspec.Struct, frozen=True, array_like=True):
    """A run that is in the store and that nobody generates. ``worker`` should claim it from its ``epoch``; None: whoever is first.

    Who does not know of epochs claims from the first alone, and so takes nothing that was begun.
    """

    worker: InstanceId | None
    owner: OwnerId
    run: RunId
    chat: ChatId
    question: MessageId
    reply: MessageId
    epoch: int = NOBODYS_EPOCH
