"""What is asked and told of exports and imports."""

from __future__ import annotations

from typing import Literal

import msgspec

JSON_FILE = "application/json"
MARKDOWN_FILE = "text/markdown"
NOTEBOOK_FILE = "application/x-ipynb+json"
ARCHIVE_FILE = "application/zip"


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of chats shall be.

    ``json`` is everything, and can be imported; ``markdown`` and ``notebook`` are the active branch, for people. In a notebook
    ``questions`` become text, or cells that ask them again (``chat``), and with ``code_cells`` blocks of Python in answers
    become cells of code.
    """

    format: Literal["json", "markdown", "notebook"] = "json"
    questions: Literal["markdown", "chat"] = "markdown"
    code_cells: bool = False


class ImportedChat(msgspec.Struct, frozen=True):
    """A chat that was imported, and how many messages it has."""

    id: str
    title: str
    messages: int


class ImportFailure(msgspec.Struct, frozen=True):
    """A chat of the file that was not imported: where it stands there, and why not."""

    path: str
    code: str
    message: str


class ImportReply(msgspec.Struct, frozen=True):
    """How many chats of a file were imported and how many were not; of each at most the first hundred are listed."""

    imported: int
    failed: int
    items: tuple[ImportedChat, ...]
    failures: tuple[ImportFailure, ...]
