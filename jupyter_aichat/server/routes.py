"""The URL table: every path, its handler, and what each verb takes and gives.

The API's document is generated from it (`scripts/generate_api.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tornado import web

from jupyter_aichat.auth.scopes import ACCOUNT, ADMIN, READ, WRITE
from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.readiness import Readiness
from jupyter_aichat.domain.run import Run
from jupyter_aichat.limits.requests import Counter
from jupyter_aichat.protocol.accounts import LeaveBody, ProfileBody
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
from jupyter_aichat.server.accounts.routes import ACCOUNT_ROUTES
from jupyter_aichat.server.chats import ChatHandler, ChatsHandler
from jupyter_aichat.server.events import EventsHandler
from jupyter_aichat.server.health import HealthHandler, ReadyHandler
from jupyter_aichat.server.host import Host
from jupyter_aichat.server.me import MeHandler
from jupyter_aichat.server.messages import ContinueHandler, EditHandler, MessagesHandler, RegenerateHandler
from jupyter_aichat.server.metrics import MetricsHandler
from jupyter_aichat.server.models import ModelsHandler
from jupyter_aichat.server.runs import RunEventsHandler, RunHandler
from jupyter_aichat.server.share_routes import SHARE_ROUTES
from jupyter_aichat.server.socket import SocketHandler
from jupyter_aichat.server.table import BASE, EVENT_STREAM, LOGIN, PLAIN_TEXT, Route, Verb
from jupyter_aichat.server.transfer_routes import TRANSFER_ROUTES
from jupyter_aichat.server.unknown import UnknownHandler

_ASKS: tuple[Counter, ...] = ("default", "sends")
_SENDS = (400, 404, 409, 413, 415, 429)
_BODY = (400, 413, 415)

ROUTES: tuple[Route, ...] = (
    Route(
        "/health",
        HealthHandler,
        {"get": Verb("Whether the process lives", reply=HealthReply, open=True, counts=())},
        of_process=True,
    ),
    Route(
        "/ready",
        ReadyHandler,
        {"get": Verb("Whether the parts work", (200, 503), reply=Readiness, open=True, counts=())},
        of_process=True,
    ),
    Route(
        "/metrics",
        MetricsHandler,
        {"get": Verb("What Prometheus asks", reply=PLAIN_TEXT, needs=ADMIN)},
        of_process=True,
    ),
    Route(
        "/me",
        MeHandler,
        {
            "get": Verb("Who is asking", reply=MeReply, needs=LOGIN),
            "patch": Verb("Change one's account", reply=MeReply, body=ProfileBody, errors=(404, *_BODY), needs=ACCOUNT),
            "delete": Verb(
                "Delete one's account with all its data",
                (204,),
                body=LeaveBody,
                errors=(404, 409, 429, *_BODY),
                needs=ACCOUNT,
                of_logins=True,
            ),
        },
    ),
    *ACCOUNT_ROUTES,
    Route("/models", ModelsHandler, {"get": Verb("The models on offer", reply=ModelsReply, needs=READ)}),
    Route(
        "/chats",
        ChatsHandler,
        {
            "get": Verb("List chats, newest change first", reply=ChatPage, query=ChatsQuery, errors=(400,), needs=READ),
            "post": Verb("Create a chat", (201,), reply=Chat, body=NewChatBody, errors=(409, *_BODY), needs=WRITE),
        },
    ),
    Route(
        "/chats/{chat_id}",
        ChatHandler,
        {
            "get": Verb("Return a chat", reply=Chat, errors=(404,), needs=READ),
            "patch": Verb("Change a chat", reply=Chat, body=ChatChangesBody, errors=(404, *_BODY), needs=WRITE),
            "delete": Verb("Delete a chat with all that hangs on it", (204,), errors=(404,), needs=WRITE),
        },
    ),
    Route(
        "/chats/{chat_id}/messages",
        MessagesHandler,
        {
            "get": Verb("List messages", reply=MessagePage, query=MessagesQuery, errors=(400, 404), needs=READ),
            "post": Verb(
                "Send a question", (202,), reply=SentReply, body=SendBody, errors=_SENDS, needs=WRITE, counts=_ASKS
            ),
        },
    ),
    Route(
        "/chats/{chat_id}/messages/{message_id}/edit",
        EditHandler,
        {
            "post": Verb(
                "Put a question differently",
                (202,),
                reply=SentReply,
                body=EditBody,
                errors=_SENDS,
                needs=WRITE,
                counts=_ASKS,
            )
        },
    ),
    Route(
        "/chats/{chat_id}/messages/{message_id}/regenerate",
        RegenerateHandler,
        {
            "post": Verb(
                "Ask for another answer",
                (202,),
                reply=SentReply,
                body=AgainBody,
                errors=_SENDS,
                needs=WRITE,
                counts=_ASKS,
            )
        },
    ),
    Route(
        "/chats/{chat_id}/messages/{message_id}/continue",
        ContinueHandler,
        {
            "post": Verb(
                "Ask for the rest of an answer",
                (202,),
                reply=SentReply,
                body=AgainBody,
                errors=_SENDS,
                needs=WRITE,
                counts=_ASKS,
            )
        },
    ),
    Route(
        "/runs/{run_id}",
        RunHandler,
        {
            "get": Verb("Return a run", reply=Run, errors=(404,), needs=READ),
            "delete": Verb("Stop a run", (200, 202), reply=StopReply, errors=(404,), needs=WRITE, counts=("stops",)),
        },
    ),
    Route(
        "/runs/{run_id}/events",
        RunEventsHandler,
        {"get": Verb("The events of a run", reply=EVENT_STREAM, query=RunEventsQuery, errors=(400, 404), needs=READ)},
    ),
    Route(
        "/events",
        EventsHandler,
        {
            "get": Verb(
                "The owner's server frames", reply=EVENT_STREAM, query=EventsQuery, errors=(400, 404), needs=READ
            )
        },
    ),
    Route("/ws", SocketHandler, {"get": Verb("The socket", (101,), needs=READ)}),
    *TRANSFER_ROUTES,
    *SHARE_ROUTES,
)


def handlers(host: Host) -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """Return the URL table for a web application, of those routes that it has."""
    routes = [route for route in ROUTES if host.has_accounts or not route.accounts_only]
    if not host.has_api:
        routes = [route for route in routes if route.of_process]
    if host.has_accounts and not host.has_logins:
        routes = [route for route in map(_without_logins, routes) if route.verbs]
    return [
        *((route.pattern, route.handler, {"host": host, "route": route}) for route in routes),
        (f"{BASE}(?:/.*)?", UnknownHandler, {"host": host}),
    ]


def _without_logins(route: Route) -> Route:
    """A route with the verbs that it has where people log in elsewhere."""
    return replace(route, verbs={name: verb for name, verb in route.verbs.items() if not verb.of_logins})
