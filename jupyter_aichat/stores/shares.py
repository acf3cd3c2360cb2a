"""The port of shares. One contract suite (``tests/contract``) holds for all implementations.

A share is looked up by its hash or its id, by whoever reads; it is made, listed and deleted by the owner of its chat. It goes
with the chat, with its owner's account and with its reader's. Methods raise `StoreUnavailable` when the database is away,
and only errors of `jupyter_aichat.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jupyter_aichat.domain.ids import ChatId, OwnerId, ShareId
from jupyter_aichat.domain.page import Page
from jupyter_aichat.domain.share import Share


class ShareStore(Protocol):
    """Durable storage of shares."""

    async def create_share(self, share: Share, most: int) -> None:
        """Write a new share.

        Raises
        ------
        NotFound
            Its owner has no such chat, or the account of its reader is gone.
        InvalidRequest
            The chat has so many shares already (`most`).
        """

    async def find_share(self, share_hash: str) -> Share | None:
        """Return the share of a hash; also one whose time is over."""
        ...

    async def shares(self, shares: Sequence[ShareId]) -> tuple[Share, ...]:
        """Return those of these shares that there are, in one question."""
        ...

    async def shares_of(self, owner: OwnerId, chat_id: ChatId) -> tuple[Share, ...]:
        """Return a chat's shares, newest first; also those whose time is over."""
        ...

    async def shared_with(self, reader: OwnerId, cursor: str | None, limit: int) -> Page[Share]:
        """Return a page of the shares for a reader, newest first; also those whose time is over."""
        ...

    async def delete_share(self, owner: OwnerId, chat_id: ChatId, share: ShareId) -> bool:
        """Delete a share of a chat; tell whether there was one."""
        ...
