"""A chat with all its messages, as it goes into a store or comes out of a file."""

from __future__ import annotations

from datetime import datetime

import msgspec

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.message import Message


class Conversation(msgspec.Struct, frozen=True):
    """A chat and its messages in creation order: each stands after its parent, and ``n`` counts from 1.

    ``came_at`` is when it came from elsewhere: for how long it is kept counts from there, whatever times it brought along.
    """

    chat: Chat
    messages: tuple[Message, ...]
    came_at: datetime | None = None

    def depths(self) -> tuple[int, ...]:
        """Return how far below its root each message stands; a root has 1."""
        found: dict[str | None, int] = {None: 0}
        for message in self.messages:
            found[message.id] = found[message.parent_id] + 1
        return tuple(found[message.id] for message in self.messages)
