"""Chats: list, create, read, change, delete."""

from __future__ import annotations

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.ids import ChatId
from jupyter_aichat.protocol.bodies import ChatChangesBody, ChatPage, ChatsQuery, NewChatBody
from jupyter_aichat.server.base import AIChatHandler
from jupyter_aichat.server.requests import to_changes, to_new_chat

_new_chat = msgspec.json.Decoder(NewChatBody)
_changes = msgspec.json.Decoder(ChatChangesBody)


class ChatsHandler(AIChatHandler):
    """All chats of the owner."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List chats."""
        asked = self.query(ChatsQuery)
        query = ChatQuery(asked.q, asked.archived, asked.pinned, asked.cursor, asked.limit)
        page = await self.engine.chats.list(self.owner, query)
        self.reply(ChatPage(page.items, page.next))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Create a chat."""
        chat = await self.engine.chats.create(self.owner, to_new_chat(self.body(_new_chat)))
        self.reply(chat, 201)


class ChatHandler(AIChatHandler):
    """One chat."""

    @web.authenticated
    @authorized
    async def get(self, chat_id: str) -> None:
        """Return a chat."""
        self.reply(await self.engine.chats.get(self.owner, ChatId(chat_id)))

    @web.authenticated
    @authorized
    async def patch(self, chat_id: str) -> None:
        """Change a chat."""
        changes = to_changes(self.body(_changes))
        self.reply(await self.engine.chats.change(self.owner, ChatId(chat_id), changes))

    @web.authenticated
    @authorized
    async def delete(self, chat_id: str) -> None:
        """Delete a chat with all that hangs on it."""
        await self.engine.chats.delete(self.owner, ChatId(chat_id))
        self.done()
