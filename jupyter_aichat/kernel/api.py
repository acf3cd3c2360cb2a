"""A service's requests with their types: bodies in, values out, errors raised as what they are."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from typing import Literal, TypeVar

import msgspec

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.run import Run
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.kernel.calls import EXPORT, Call, Method, Query
from jupyter_aichat.kernel.service import Service, ServiceGone, error_in
from jupyter_aichat.protocol.bodies import (
    AgainBody,
    ChatPage,
    MessagePage,
    ModelsReply,
    NewChatBody,
    SendBody,
    SentReply,
    StopReply,
)
from jupyter_aichat.protocol.codec import encode
from jupyter_aichat.protocol.frames import EventFrame

T = TypeVar("T")

_ERROR = 400
_PAGE = ("limit", "200")


def new_key() -> str:
    """Return a fresh idempotency key, so that a request that was cut can be sent again."""
    return secrets.token_urlsafe(16)


class Api:
    """A service, typed."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def send(self, chat_id: str, body: SendBody) -> SentReply:
        """Send a question."""
        return await self._ask(SentReply, "POST", "chats/{}/messages", (chat_id,), body=body)

    async def again(
        self, what: Literal["edit", "regenerate", "continue"], chat_id: str, message_id: str, body: AgainBody
    ) -> SentReply:
        """Put a question differently, ask for another answer, or for the rest of one."""
        return await self._ask(SentReply, "POST", f"chats/{{}}/messages/{{}}/{what}", (chat_id, message_id), body=body)

    async def stop(self, run_id: str) -> Run:
        """Stop a run, and return it as it stands."""
        return (await self._ask(StopReply, "DELETE", "runs/{}", (run_id,))).run

    async def run(self, run_id: str) -> Run:
        """Return a run."""
        return await self._ask(Run, "GET", "runs/{}", (run_id,))

    def events(self, run_id: str, after: int) -> AsyncGenerator[EventFrame, None]:
        """Yield a run's events to its end."""
        return self.service.events(run_id, after)

    async def create(self, body: NewChatBody) -> Chat:
        """Create a chat."""
        return await self._ask(Chat, "POST", "chats", body=body)

    async def delete(self, chat_id: str) -> None:
        """Delete a chat; one that is gone already is no error."""
        await self.service.request(Call("DELETE", "chats/{}", (chat_id,)))

    async def chat(self, chat_id: str) -> Chat:
        """Return a chat."""
        return await self._ask(Chat, "GET", "chats/{}", (chat_id,))

    async def chats(self, title: str) -> tuple[Chat, ...]:
        """Return the chats whose title has some words in it, newest change first, as many as a page has."""
        return (await self._ask(ChatPage, "GET", "chats", query=(_PAGE, ("q", title)))).items

    async def export(self, chat_id: str, form: str) -> bytes:
        """Return a chat as a file: markdown, notebook or json."""
        query = (("format", form), ("code_cells", "true"))
        answer = await self.service.request(Call("GET", EXPORT, (chat_id,), query))
        if answer.status >= _ERROR:
            raise error_in(answer)
        return answer.body

    async def models(self) -> ModelsReply:
        """Return the models on offer."""
        return await self._ask(ModelsReply, "GET", "models")

    async def messages(self, chat_id: str, leaf: str | None = None) -> AsyncGenerator[Message, None]:
        """Yield the messages of a chat in creation order, or those of a path, newest first."""
        query: Query = (_PAGE,) if leaf is None else (_PAGE, ("leaf", leaf))
        while True:
            page = await self._ask(MessagePage, "GET", "chats/{}/messages", (chat_id,), query=query)
            for message in page.items:
                yield message
            if page.next is None:
                return
            query = (*(pair for pair in query if pair[0] != "cursor"), ("cursor", page.next))

    async def _ask(
        self,
        kind: type[T],
        method: Method,
        route: str,
        ids: tuple[str, ...] = (),
        *,
        query: Query = (),
        body: msgspec.Struct | None = None,
    ) -> T:
        sent = None if body is None else encode(body)
        answer = await self.service.request(Call(method, route, ids, query), sent)
        if answer.status >= _ERROR:
            raise error_in(answer)
        return msgspec.json.decode(answer.body, type=kind)


class NewChat:
    """A chat that begins with a question. Safe to be tried again: there is one chat, however often it is asked."""

    def __init__(self) -> None:
        self._chat_id: str | None = None

    async def send(self, api: Api, body: SendBody) -> SentReply:
        """Send the question; no empty chat is left behind where it is refused."""
        if self._chat_id is None:
            self._chat_id = (await api.create(NewChatBody(model=body.model, options=body.options))).id
        try:
            return await api.send(self._chat_id, body)
        except ServiceGone:
            raise  # it may have been taken
        except AIChatError:
            chat_id, self._chat_id = self._chat_id, None
            await api.delete(chat_id)
            raise
