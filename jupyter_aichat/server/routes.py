"""The URL table: every path, its handler, and what each verb takes and gives.

The API's document is generated from it (`scripts/generate_api.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tornado import web

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.readiness import Readiness
from jupyter_aichat.domain.run import Run
from jupyter_aichat.protocol.bodies import (
    AgainBody,
    ChatChangesBody,
    ChatPage,
    ChatsQuery,
    EditBody,
    EventsQuery,
    HealthReply,
    MeReply,
    MessagePage,
    MessagesQuery,
    ModelsReply,
    NewChatBody,
    RunEventsQuery,
    SendBody,
    SentReply,
    StopReply,
)
from jupyter_aichat.server.base import Host
from jupyter_aichat.server.chats import ChatHandler, ChatsHandler
from jupyter_aichat.server.events import EventsHandler
from jupyter_aichat.server.health import HealthHandler, ReadyHandler
from jupyter_aichat.server.me import MeHandler
from jupyter_aichat.server.messages import ContinueHandler, EditHandler, MessagesHandler, RegenerateHandler
from jupyter_aichat.server.models import ModelsHandler
from jupyter_aichat.server.runs import RunEventsHandler, RunHandler
from jupyter_aichat.server.socket import SocketHandler
from jupyter_aichat.server.unknown import UnknownHandler

BASE = "/api/aichat/v1"
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True)
class Verb:
    """What a verb takes and gives. ``reply`` None is an answer without a body, or `EVENT_STREAM`."""

    summary: str
    statuses: tuple[int, ...] = (200,)
    reply: type | str | None = None
    body: type | None = None
    query: type | None = None
    errors: tuple[int, ...] = ()
    open: bool = False


@dataclass(frozen=True)
class Route:
    """One path, with names in braces for its segments."""

    path: str
    handler: type[web.RequestHandler]
    verbs: dict[str, Verb] = field(default_factory=dict)

    @property
    def pattern(self) -> str:
        """The path as tornado matches it; a segment may be anything, so that a wrong id gets our 404."""
        return BASE + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)


_SENDS = (400, 404, 409, 413, 415, 429)
_BODY = (400, 413, 415)

ROUTES: tuple[Route, ...] = (
    Route("/health", HealthHandler, {"get": Verb("Whether the process lives", reply=HealthReply, open=True)}),
    Route(
        "/ready",
        ReadyHandler,
        {"get": Verb("Whether the parts work", (200, 503), reply=Readiness, open=True)},
    ),
    Route("/me", MeHandler, {"get": Verb("Who is asking", reply=MeReply)}),
    Route("/models", ModelsHandler, {"get": Verb("The models on offer", reply=ModelsReply)}),
    Route(
        "/chats",
        ChatsHandler,
        {
            "get": Verb("List chats, newest change first", reply=ChatPage, query=ChatsQuery, errors=(400,)),
            "post": Verb("Create a chat", (201,), reply=Chat, body=NewChatBody, errors=_BODY),
        },
    ),
    Route(
        "/chats/{chat_id}",
        ChatHandler,
        {
            "get": Verb("Return a chat", reply=Chat, errors=(404,)),
            "patch": Verb("Change a chat", reply=Chat, body=ChatChangesBody, errors=(404, *_BODY)),
            "delete": Verb("Delete a chat with all that hangs on it", (204,), errors=(404,)),
        },
    ),
    Route(
        "/chats/{chat_id}/messages",
        MessagesHandler,
        {
            "get": Verb("List messages", reply=MessagePage, query=MessagesQuery, errors=(400, 404)),
            "post": Verb("Send a question", (202,), reply=SentReply, body=SendBody, errors=_SENDS),
        },
    ),
    Route(
        "/chats/{chat_id}/messages/{message_id}/edit",
        EditHandler,
        {"post": Verb("Put a question differently", (202,), reply=SentReply, body=EditBody, errors=_SENDS)},
    ),
    Route(
        "/chats/{chat_id}/messages/{message_id}/regenerate",
        RegenerateHandler,
        {"post": Verb("Ask for another answer", (202,), reply=SentReply, body=AgainBody, errors=_SENDS)},
    ),
    Route(
        "/chats/{chat_id}/messages/{message_id}/continue",
        ContinueHandler,
        {"post": Verb("Ask for the rest of an answer", (202,), reply=SentReply, body=AgainBody, errors=_SENDS)},
    ),
    Route(
        "/runs/{run_id}",
        RunHandler,
        {
            "get": Verb("Return a run", reply=Run, errors=(404,)),
            "delete": Verb("Stop a run", (200, 202), reply=StopReply, errors=(404,)),
        },
    ),
    Route(
        "/runs/{run_id}/events",
        RunEventsHandler,
        {"get": Verb("The events of a run", reply=EVENT_STREAM, query=RunEventsQuery, errors=(400, 404))},
    ),
    Route(
        "/events",
        EventsHandler,
        {"get": Verb("The owner's server frames", reply=EVENT_STREAM, query=EventsQuery, errors=(400, 404))},
    ),
    Route("/ws", SocketHandler, {"get": Verb("The socket", (101,))}),
)

HANDLERS: tuple[tuple[str, type[web.RequestHandler]], ...] = (
    *((route.pattern, route.handler) for route in ROUTES),
    (f"{BASE}(?:/.*)?", UnknownHandler),
)


def handlers(host: Host) -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """Return the URL table for a web application."""
    return [(pattern, handler, {"host": host}) for pattern, handler in HANDLERS]
