"""Requests carried out by an engine in this process: the same routes and bodies as the server's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import msgspec

from jupyter_aichat._version import __version__
from jupyter_aichat.domain.chat import ChatChanges, ChatQuery
from jupyter_aichat.domain.ids import ChatId, MessageId, RunId
from jupyter_aichat.domain.principal import Principal
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Again, Edit, NewChat, Send, Sent
from jupyter_aichat.engine.transfers import Wish
from jupyter_aichat.errors import AIChatError, NotFound, TooLarge
from jupyter_aichat.kernel.calls import EXPORT, Call, Query
from jupyter_aichat.kernel.service import Answered
from jupyter_aichat.protocol import bodies
from jupyter_aichat.protocol.codec import decode, decode_query, encode
from jupyter_aichat.protocol.errors import body_of, status_of
from jupyter_aichat.protocol.transfers import ExportQuery

T = TypeVar("T")

_OK, _CREATED, _ACCEPTED, _NO_CONTENT, _DOWN = 200, 201, 202, 204, 503

Outcome = tuple[int, object]


class _Request(NamedTuple):
    ids: tuple[str, ...]
    query: Query
    body: bytes


Handler = Callable[[_Request], Awaitable[Outcome]]


class Requests:
    """The server's handlers, without a server."""

    def __init__(self, engine: Engine, principal: Principal) -> None:
        self._engine, self._principal, self._owner = engine, principal, principal.owner_id
        self._handlers: dict[tuple[str, str], Handler] = {
            ("GET", "health"): self._health,
            ("GET", "ready"): self._ready,
            ("GET", "me"): self._me,
            ("GET", "models"): self._models,
            ("GET", "chats"): self._list_chats,
            ("POST", "chats"): self._create_chat,
            ("GET", "chats/{}"): self._get_chat,
            ("PATCH", "chats/{}"): self._change_chat,
            ("DELETE", "chats/{}"): self._delete_chat,
            ("GET", "chats/{}/messages"): self._list_messages,
            ("POST", "chats/{}/messages"): self._send,
            ("POST", "chats/{}/messages/{}/edit"): self._edit,
            ("POST", "chats/{}/messages/{}/regenerate"): self._regenerate,
            ("POST", "chats/{}/messages/{}/continue"): self._continue,
            ("GET", EXPORT): self._export,
            ("GET", "runs/{}"): self._get_run,
            ("DELETE", "runs/{}"): self._stop_run,
        }

    async def carry_out(self, call: Call, body: bytes | None) -> Answered:
        """Answer a request; errors are answers too."""
        try:
            if body is not None and len(body) > bodies.MAX_BODY:
                raise TooLarge(f"The body is larger than {bodies.MAX_BODY:,} bytes.", limit=bodies.MAX_BODY)
            handler = self._handlers.get((call.method, call.route))
            if handler is None:
                raise NotFound("There is no such address here.")
            status, value = await handler(_Request(call.ids, call.query, body or b""))
        except AIChatError as error:
            return Answered(status_of(error), encode(body_of(error)))
        return Answered(status, b"" if value is None else encode(value))

    async def _health(self, _: _Request) -> Outcome:
        return _OK, bodies.HealthReply("ok", "ready", None, __version__)

    async def _ready(self, _: _Request) -> Outcome:
        readiness = await self._engine.readiness()
        return _DOWN if readiness.status == "down" else _OK, readiness

    async def _me(self, _: _Request) -> Outcome:
        who = msgspec.structs.asdict(self._principal)
        limits = bodies.Limits(body=bodies.MAX_BODY, frame=bodies.MAX_BODY)
        return _OK, bodies.MeReply(**who, preferences={}, limits=limits)

    async def _models(self, _: _Request) -> Outcome:
        models = await self._engine.models.list()
        return _OK, bodies.ModelsReply(models.items, None, models.default, models.providers)

    async def _list_chats(self, request: _Request) -> Outcome:
        asked = _query(request, bodies.ChatsQuery)
        query = ChatQuery(asked.q, asked.archived, asked.pinned, asked.cursor, asked.limit)
        page = await self._engine.chats.list(self._owner, query)
        return _OK, bodies.ChatPage(page.items, page.next)

    async def _create_chat(self, request: _Request) -> Outcome:
        new = _body(request, bodies.NewChatBody)
        return _CREATED, await self._engine.chats.create(self._owner, NewChat(new.title, new.model, new.options))

    async def _get_chat(self, request: _Request) -> Outcome:
        return _OK, await self._engine.chats.get(self._owner, ChatId(request.ids[0]))

    async def _change_chat(self, request: _Request) -> Outcome:
        given = msgspec.structs.asdict(_body(request, bodies.ChatChangesBody))
        return _OK, await self._engine.chats.change(self._owner, ChatId(request.ids[0]), ChatChanges(**given))

    async def _delete_chat(self, request: _Request) -> Outcome:
        await self._engine.chats.delete(self._owner, ChatId(request.ids[0]))
        return _NO_CONTENT, None

    async def _list_messages(self, request: _Request) -> Outcome:
        asked, chats, chat = _query(request, bodies.MessagesQuery), self._engine.chats, ChatId(request.ids[0])
        if asked.leaf is None:
            page = await chats.messages(self._owner, chat, asked.cursor, asked.limit)
        else:
            page = await chats.path(self._owner, chat, MessageId(asked.leaf), asked.cursor, asked.limit)
        return _OK, bodies.MessagePage(page.items, page.next)

    async def _export(self, request: _Request) -> Outcome:
        asked = _query(request, ExportQuery)
        wish = Wish(asked.format, asked.questions, asked.code_cells)
        _, pieces = await self._engine.transfers.export(self._owner, ChatId(request.ids[0]), wish)
        return _OK, msgspec.Raw(b"".join([piece async for piece in pieces]))

    async def _send(self, request: _Request) -> Outcome:
        sent = _body(request, bodies.SendBody)
        parent = sent.parent_id
        send = Send(
            parts=sent.content(),
            chat_id=ChatId(request.ids[0]),
            parent_id=MessageId(parent) if isinstance(parent, str) else parent,
            model=sent.model,
            options=sent.options,
            key=sent.idempotency_key,
        )
        return _accepted(await self._engine.runs.send(self._owner, send))

    async def _edit(self, request: _Request) -> Outcome:
        sent = _body(request, bodies.EditBody)
        chat_id, message_id = ChatId(request.ids[0]), MessageId(request.ids[1])
        edit = Edit(chat_id, message_id, sent.content(), sent.model, sent.options, sent.idempotency_key)
        return _accepted(await self._engine.runs.edit(self._owner, edit))

    async def _regenerate(self, request: _Request) -> Outcome:
        return _accepted(await self._engine.runs.regenerate(self._owner, _again(request)))

    async def _continue(self, request: _Request) -> Outcome:
        return _accepted(await self._engine.runs.resume(self._owner, _again(request)))

    async def _get_run(self, request: _Request) -> Outcome:
        return _OK, await self._engine.runs.get(self._owner, RunId(request.ids[0]))

    async def _stop_run(self, request: _Request) -> Outcome:
        run = await self._engine.runs.stop(self._owner, RunId(request.ids[0]))
        return _OK if run.ended else _ACCEPTED, bodies.StopReply(run)


def _accepted(sent: Sent) -> Outcome:
    return _ACCEPTED, bodies.SentReply(sent.message, sent.reply, sent.run)


def _again(request: _Request) -> Again:
    sent = _body(request, bodies.AgainBody)
    return Again(ChatId(request.ids[0]), MessageId(request.ids[1]), sent.model, sent.options, sent.idempotency_key)


def _body(request: _Request, kind: type[T]) -> T:
    return decode(request.body, msgspec.json.Decoder(kind))


def _query(request: _Request, kind: type[T]) -> T:
    return decode_query({name: [value.encode()] for name, value in request.query}, kind)
