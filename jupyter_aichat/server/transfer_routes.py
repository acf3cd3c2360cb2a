"""The URL table's part of exports and imports."""

from __future__ import annotations

from jupyter_aichat.auth.scopes import READ, WRITE
from jupyter_aichat.protocol.transfers import (
    ARCHIVE_FILE,
    JSON_FILE,
    MARKDOWN_FILE,
    NOTEBOOK_FILE,
    ExportQuery,
    ImportReply,
)
from jupyter_aichat.server.table import Route, Verb
from jupyter_aichat.server.transfers import ChatExportHandler, ExportAllHandler, ImportHandler

TRANSFER_ROUTES: tuple[Route, ...] = (
    Route(
        "/chats/{chat_id}/export",
        ChatExportHandler,
        {
            "get": Verb(
                "A chat as a file",
                reply=(JSON_FILE, MARKDOWN_FILE, NOTEBOOK_FILE),
                query=ExportQuery,
                errors=(400, 404, 429),
                needs=READ,
            )
        },
    ),
    Route(
        "/export",
        ExportAllHandler,
        {
            "get": Verb(
                "All chats as a file; for people an archive of files",
                reply=(JSON_FILE, ARCHIVE_FILE),
                query=ExportQuery,
                errors=(400, 429),
                needs=READ,
            )
        },
    ),
    Route(
        "/import",
        ImportHandler,
        {
            "post": Verb(
                "Import the chats of a file",
                (201,),
                reply=ImportReply,
                upload=True,
                errors=(400, 409, 413, 415),
                needs=WRITE,
            )
        },
    ),
)
