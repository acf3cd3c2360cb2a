"""Chats as files: export one or all, import a file."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_aichat.domain.ids import ChatId
from jupyter_aichat.engine.transfers import Outcome, Wish
from jupyter_aichat.errors import Unauthenticated
from jupyter_aichat.protocol.transfers import (
    ARCHIVE_FILE,
    JSON_FILE,
    MARKDOWN_FILE,
    NOTEBOOK_FILE,
    ExportQuery,
    ImportedChat,
    ImportFailure,
    ImportReply,
)
from jupyter_aichat.server.base import AIChatHandler
from jupyter_aichat.server.files import FileHandler
from jupyter_aichat.transfer.names import file_name

_KINDS = {
    "json": (JSON_FILE, ".json"),
    "markdown": (f"{MARKDOWN_FILE}; charset=utf-8", ".md"),
    "notebook": (NOTEBOOK_FILE, ".ipynb"),
}


class ChatExportHandler(FileHandler):
    """One chat as a file."""

    @web.authenticated
    @authorized
    async def get(self, chat_id: str) -> None:
        """Send it."""
        asked = self.query(ExportQuery)
        kind, suffix = _KINDS[asked.format]
        chat, pieces = await self.engine.transfers.export(self.owner, ChatId(chat_id), _wish(asked))
        await self.send_file(file_name(chat.title, suffix), kind, pieces)


class ExportAllHandler(FileHandler):
    """All chats as a file."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Send one file of our own form, or an archive of files for people."""
        asked = self.query(ExportQuery)
        transfers = self.engine.transfers
        if asked.format == "json":
            await self.send_file("chats.json", JSON_FILE, transfers.export_all(self.owner))
        else:
            pieces = transfers.archive(self.owner, _wish(asked), _KINDS[asked.format][1])
            await self.send_file("chats.zip", ARCHIVE_FILE, pieces)


class ImportHandler(AIChatHandler):
    """A file of chats that comes in."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Import its chats, each as a whole or not at all."""
        if self.is_over:
            raise Unauthenticated
        self.reply(import_reply(await self.engine.transfers.read(self.owner, self.take_body())), 201)


def import_reply(outcome: Outcome) -> ImportReply:
    """Return what a client is told of an import."""
    return ImportReply(
        outcome.imported,
        outcome.failed,
        tuple(ImportedChat(each.id, each.title, each.messages) for each in outcome.chats),
        tuple(ImportFailure(each.place, each.code, each.message) for each in outcome.failures),
    )


def _wish(asked: ExportQuery) -> Wish:
    return Wish(asked.format, asked.questions, asked.code_cells)
