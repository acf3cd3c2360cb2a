"""The URL table's part of shares; none of these routes is there in a personal server."""

from __future__ import annotations

from jupyter_aichat.auth.scopes import READ, WRITE
from jupyter_aichat.protocol.shares import (
    NewShareBody,
    NewShareReply,
    ReceivedPage,
    ReceivedQuery,
    SharedQuery,
    SharedReply,
    SharesReply,
)
from jupyter_aichat.server.shared import ReceivedHandler, SharedEventsHandler, SharedHandler
from jupyter_aichat.server.shares import ShareHandler, SharesHandler
from jupyter_aichat.server.table import EVENT_STREAM, Route, Verb

SHARE_ROUTES: tuple[Route, ...] = (
    Route(
        "/chats/{chat_id}/shares",
        SharesHandler,
        {
            "get": Verb("List the shares of a chat", reply=SharesReply, errors=(404,), needs=READ),
            "post": Verb(
                "Share a chat, to be read only",
                (201,),
                reply=NewShareReply,
                body=NewShareBody,
                errors=(400, 404, 413, 415, 429),
                needs=WRITE,
            ),
        },
        accounts_only=True,
    ),
    Route(
        "/chats/{chat_id}/shares/{share_id}",
        ShareHandler,
        {"delete": Verb("End a share, also for those who are reading", (204,), errors=(404,), needs=WRITE)},
        accounts_only=True,
    ),
    Route(
        "/shared",
        ReceivedHandler,
        {
            "get": Verb(
                "List what others shared with the one who asks",
                reply=ReceivedPage,
                query=ReceivedQuery,
                errors=(400,),
                needs=READ,
            )
        },
        accounts_only=True,
    ),
    Route(
        "/shared/{token}",
        SharedHandler,
        {
            "get": Verb(
                "Read a shared chat, by a link's token or a share's id",
                reply=SharedReply,
                query=SharedQuery,
                errors=(400, 401, 404, 429, 503),
                open=True,
                needs=READ,
            ),
            "delete": Verb(
                "Want what was shared with the one who asks no more, by the share's id",
                (204,),
                errors=(404,),
                needs=WRITE,
            ),
        },
        accounts_only=True,
    ),
    Route(
        "/shared/{token}/events",
        SharedEventsHandler,
        {
            "get": Verb(
                "A shared chat as it is and as it grows: a SharedFrame each, until the share ends",
                reply=EVENT_STREAM,
                errors=(401, 404, 429, 503),
                open=True,
                needs=READ,
            )
        },
        accounts_only=True,
    ),
)
