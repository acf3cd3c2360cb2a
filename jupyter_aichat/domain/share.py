"""A share: a chat of somebody's that others may read."""

from __future__ import annotations

from datetime import datetime

import msgspec

from jupyter_aichat.domain.ids import ChatId, OwnerId, ShareId


class Share(msgspec.Struct, frozen=True):
    """Lets others read one chat, as it is and as it grows, until ``expires_at`` (None: until it is revoked).

    Without a ``reader_id`` it is a link: whoever has its token. Else that account alone, by the share's id. ``hash`` is of
    the token, or of the id: what a reader shows is looked up in one way. The token itself is kept nowhere.
    """

    id: ShareId
    owner_id: OwnerId
    chat_id: ChatId
    hash: str
    created_at: datetime
    expires_at: datetime | None = None
    reader_id: OwnerId | None = None

    def over(self, at: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and at >= self.expires_at


class ShareWish(msgspec.Struct, frozen=True):
    """What an owner asks for: with whom (a user's name; None makes a link), and until when."""

    reader: str | None = None
    expires_at: datetime | None = None
