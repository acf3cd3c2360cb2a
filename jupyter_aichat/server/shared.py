"""Chats of others that were shared: what there is, reading one, and reading it live."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from jupyter_server.utils import ensure_async
from tornado import web

from jupyter_aichat.domain.ids import OwnerId, ShareId
from jupyter_aichat.errors import Forbidden, Unauthenticated
from jupyter_aichat.protocol.shares import (
    ReceivedPage,
    ReceivedQuery,
    ReceivedShare,
    SharedEndFrame,
    SharedQuery,
    SharedReply,
    server_sent,
    shared,
)
from jupyter_aichat.server.shared_reading import SharedReading, branch_of
from jupyter_aichat.server.shares import SharingHandler
from jupyter_aichat.server.sse import EventStreamHandler

if TYPE_CHECKING:
    from jupyter_aichat.auth.shares import OpenedShare

LAST_WORD_S = 0.5
"""How long a reader may take to hear that the share has ended, before the connection is cut."""


class ReceivedHandler(SharingHandler):
    """What was shared with the one who asks."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List it, newest first."""
        asked = self.query(ReceivedQuery)
        page = await self.shares.received(self.owner, asked.cursor, asked.limit)
        items = tuple(
            ReceivedShare(
                each.share.id,
                each.chat.title,
                each.owner.display_name,
                each.share.created_at,
                each.share.expires_at,
            )
            for each in page.items
        )
        self.reply(ReceivedPage(items, page.next))


class _ReaderHandler(SharingHandler):
    """What both ways to read have in common: they may need no login, and there is nothing else that one can do."""

    @property
    def login(self) -> Literal["needed", "welcome", "excused", "none"]:
        """For other verbs none: nobody gets further with one."""
        return "none" if self.verb is None else super().login

    async def opened(self, token: str) -> OpenedShare:
        """Return the share that lets the reader in, or raise `NotFound`; `Unauthenticated` where links need a login."""
        await self._ask_authorizer()
        if self.reader is None and not self.shares.open_links:
            raise Unauthenticated
        return await self.shares.open(token, self.reader)

    async def _ask_authorizer(self) -> None:
        """Ask the operator's authorizer about those who are logged in."""
        user = self.current_user
        if user and not await ensure_async(self.authorizer.is_authorized(self, user, "read", self.auth_resource)):
            raise Forbidden

    @property
    def reader(self) -> OwnerId | None:
        """Who reads, where somebody is logged in."""
        return self.owner if self.current_user else None


class SharedHandler(_ReaderHandler):
    """A shared chat."""

    @allow_unauthenticated
    async def get(self, token: str) -> None:
        """Return the chat with its newest messages, or those before a cursor."""
        asked, opened = self.query(SharedQuery), await self.opened(token)
        share = opened.share
        chat = await self.engine.chats.get(share.owner_id, share.chat_id)
        page = await branch_of(self.engine, share.owner_id, chat, opened.unseal(asked.cursor), asked.limit)
        owner = opened.owner.display_name
        rest = opened.seal(page.next)
        self.reply(SharedReply(chat.title, chat.model, owner, share.expires_at, shared(page.items), rest))

    @web.authenticated
    @authorized
    async def delete(self, token: str) -> None:
        """Take it from the list of the one it was shared with, who can read it no more."""
        await self.shares.leave(self.owner, ShareId(token), self.origin)
        self.done()


class SharedEventsHandler(_ReaderHandler, EventStreamHandler):
    """A shared chat, as it is and as it grows."""

    @allow_unauthenticated
    async def get(self, token: str) -> None:
        """Send the chat and its newest messages, then what comes, until the share ends."""
        opened = await self.opened(token)
        unwatch = self.shares.watch(opened, self._end)
        try:
            self.begin()
            self._reading = SharedReading(self.engine, opened, self.outbox, self._end, self.log)
            self._reading.open()
            await self.send_until_closed()
        finally:
            unwatch()
            if reading := getattr(self, "_reading", None):
                await reading.close()

    def _end(self) -> None:
        """Say that the share has ended, and nothing after it."""
        if not self._over.is_set():
            self._reading.leave()
            self.outbox.post(server_sent(SharedEndFrame()))
            self.close()
            asyncio.get_running_loop().call_later(LAST_WORD_S, self._cut)

    def _cut(self) -> None:
        """Do not wait for a reader that takes nothing."""
        if not self._finished:
            self.outbox.close()
            self.request.connection.stream.close()  # type: ignore[union-attr]
