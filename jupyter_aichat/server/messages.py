"""Messages: list, and the four ways to ask for an answer."""

from __future__ import annotations

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_aichat.domain.ids import ChatId, MessageId
from jupyter_aichat.engine.requests import Sent
from jupyter_aichat.errors import InvalidRequest
from jupyter_aichat.protocol.bodies import (
    AgainBody,
    EditBody,
    IdempotencyKey,
    MessagePage,
    MessagesQuery,
    SendBody,
    SentReply,
)
from jupyter_aichat.protocol.codec import convert
from jupyter_aichat.server.base import AIChatHandler
from jupyter_aichat.server.requests import to_again, to_edit, to_send

_send = msgspec.json.Decoder(SendBody)
_edit = msgspec.json.Decoder(EditBody)
_again = msgspec.json.Decoder(AgainBody)


class _SendHandler(AIChatHandler):
    """What the four have in common."""

    def key(self, body: AgainBody) -> str | None:
        """Return the idempotency key, of the header or of the body."""
        header = self.request.headers.get("Idempotency-Key")
        if header is None:
            return body.idempotency_key
        if body.idempotency_key not in (None, header):
            raise InvalidRequest("The idempotency keys of header and body differ.")
        key: str = convert(header, IdempotencyKey)
        return key

    def accept(self, sent: Sent) -> None:
        """Say what was begun."""
        self.reply(SentReply(sent.message, sent.reply, sent.run), 202)


class MessagesHandler(_SendHandler):
    """The messages of a chat."""

    @web.authenticated
    @authorized
    async def get(self, chat_id: str) -> None:
        """List all messages, or those of one path."""
        asked, chats, chat = self.query(MessagesQuery), self.engine.chats, ChatId(chat_id)
        if asked.leaf is None:
            page = await chats.messages(self.owner, chat, asked.cursor, asked.limit)
        else:
            page = await chats.path(self.owner, chat, MessageId(asked.leaf), asked.cursor, asked.limit)
        self.reply(MessagePage(page.items, page.next))

    @web.authenticated
    @authorized
    async def post(self, chat_id: str) -> None:
        """Send a question."""
        body = self.body(_send)
        self.accept(await self.engine.runs.send(self.owner, to_send(body, chat_id, self.key(body)), self.allowed))


class EditHandler(_SendHandler):
    """A question put differently."""

    @web.authenticated
    @authorized
    async def post(self, chat_id: str, message_id: str) -> None:
        """Send a sibling of a question."""
        body = self.body(_edit)
        edit = to_edit(body, chat_id, message_id, self.key(body))
        self.accept(await self.engine.runs.edit(self.owner, edit, self.allowed))


class RegenerateHandler(_SendHandler):
    """Another answer."""

    @web.authenticated
    @authorized
    async def post(self, chat_id: str, message_id: str) -> None:
        """Ask for a sibling of an answer."""
        body = self.body(_again)
        again = to_again(body, chat_id, message_id, self.key(body))
        self.accept(await self.engine.runs.regenerate(self.owner, again, self.allowed))


class ContinueHandler(_SendHandler):
    """The rest of an answer."""

    @web.authenticated
    @authorized
    async def post(self, chat_id: str, message_id: str) -> None:
        """Ask for the rest of an answer."""
        body = self.body(_again)
        again = to_again(body, chat_id, message_id, self.key(body))
        self.accept(await self.engine.runs.resume(self.owner, again, self.allowed))
