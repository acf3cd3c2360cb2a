"""Shares of one's own chats: make, list, revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_aichat.domain.ids import ChatId, ShareId
from jupyter_aichat.domain.share import ShareWish
from jupyter_aichat.errors import NotFound
from jupyter_aichat.protocol.shares import NewShareBody, NewShareReply, ShareReply, SharesReply
from jupyter_aichat.server.private import PrivateHandler

if TYPE_CHECKING:
    from jupyter_aichat.auth.shares import Shares

_new_share = msgspec.json.Decoder(NewShareBody)


class SharingHandler(PrivateHandler):
    """Base of all handlers about shares: no answer of theirs is kept anywhere, or tells its address to other sites."""

    def set_default_headers(self) -> None:
        """Let no search engine keep what is answered, and no page tell where it was."""
        super().set_default_headers()
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("X-Robots-Tag", "noindex")

    @property
    def shares(self) -> Shares:
        """Who may read whose chats; raises `NotFound` in a personal server, `NotReady` while it does not run."""
        if (found := self.host.accounts) is None:
            raise NotFound
        return found.shares


class SharesHandler(SharingHandler):
    """The shares of a chat."""

    @web.authenticated
    @authorized
    async def get(self, chat_id: str) -> None:
        """List them, newest first."""
        listed = await self.shares.of(self.owner, ChatId(chat_id))
        items = tuple(
            ShareReply(
                id=each.share.id,
                reader=each.with_name,
                created_at=each.share.created_at,
                expires_at=each.share.expires_at,
            )
            for each in listed
        )
        self.reply(SharesReply(items, None))

    @web.authenticated
    @authorized
    async def post(self, chat_id: str) -> None:
        """Make one."""
        body = self.body(_new_share)
        made = await self.shares.create(self.owner, ChatId(chat_id), ShareWish(body.reader, body.end()), self.origin)
        share = made.share
        reply = NewShareReply(
            id=share.id,
            reader=made.with_name,
            created_at=share.created_at,
            expires_at=share.expires_at,
            token=made.token,
        )
        self.reply(reply, 201)


class ShareHandler(SharingHandler):
    """One share of a chat."""

    @web.authenticated
    @authorized
    async def delete(self, chat_id: str, share_id: str) -> None:
        """End it, also for those who are reading."""
        await self.shares.revoke(self.owner, ChatId(chat_id), ShareId(share_id), self.origin)
        self.done()
