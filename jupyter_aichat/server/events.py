"""The owner's server frames as server-sent events, for clients without WebSockets."""

from __future__ import annotations

import asyncio

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_aichat.domain.ids import ChatId
from jupyter_aichat.protocol.bodies import EventsQuery
from jupyter_aichat.server.connection import Connection
from jupyter_aichat.server.sse import EventStreamHandler


class EventsHandler(EventStreamHandler):
    """The frames that a socket would get: hello, changes of all chats, and the events of one chat's runs."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Send frames until one end goes."""
        chat_id = self.query(EventsQuery).chat_id
        if chat_id is not None:
            await self.engine.chats.get(self.owner, ChatId(chat_id))
        self.begin()
        connection = Connection(self.engine, self.principal, self.outbox, self.log)
        connection.open()
        try:
            if chat_id is not None:
                await connection.follow_chat(ChatId(chat_id))
            await self.send_until_closed()
        finally:
            connection.close()

    def _write(self, frames: list[bytes]) -> asyncio.Future[None] | None:
        return super()._write([frame if frame.startswith(b":") else b"data: %b\n\n" % frame for frame in frames])
