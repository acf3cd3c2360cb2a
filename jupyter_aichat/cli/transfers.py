"""`jupyter aichat export` and `import`: somebody's chats as files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from io import BufferedWriter
from pathlib import Path
from typing import Literal, cast

from traitlets import Bool, Enum, Unicode

from jupyter_aichat.auth.administration import COMMAND_LINE, Administration
from jupyter_aichat.cli.desk import DeskCommand, operator
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.ids import ChatId

_SUFFIXES = {"json": ".json", "markdown": ".md", "notebook": ".ipynb"}


class Export(DeskCommand):
    """Write the chats of an account into a new file, which only its owner may read (0600).

    All chats as `json` are one file that can be imported; as `markdown` or `notebook` they are a ZIP archive of their
    active branches. It is written down in the audit.
    """

    name = "jupyter aichat export"
    takes = ("NAME", "FILE")
    examples = """
    jupyter aichat export ada chats.json
    jupyter aichat export ada chats.zip --format=markdown
    jupyter aichat export ada chat.ipynb --format=notebook --chat=3fK0aV1mZq8sT2bX
    """
    format = Enum(tuple(_SUFFIXES), "json", help="What the file shall be: json, markdown or notebook.").tag(config=True)
    chat = Unicode(help="The id of one chat; without it, all are exported.").tag(config=True)
    aliases = {**DeskCommand.aliases, "format": "Export.format", "chat": "Export.chat"}

    async def work(self, administration: Administration) -> None:
        """Write it."""
        account = await self.account(administration)
        pieces = await self._pieces(account)
        path = _path(self.argument(1))
        try:
            size = await _write(path, pieces)
        except OSError as error:
            self.fail(f"{path} cannot be written: {error.strerror}.")
        what = self.chat or "all"
        await administration.transferred(COMMAND_LINE, operator(), account.id, "exported", what=what, form=self.format)
        if self.json:
            self.row({"id": account.id, "name": account.name, "file": str(path), "bytes": size})
        else:
            self.say(f"{path}: {size:,} bytes.")

    async def _pieces(self, account: Account) -> AsyncIterator[bytes]:
        transfers = self.desk.transfers
        wish = transfers.wish(cast("Literal['json', 'markdown', 'notebook']", self.format))
        if self.chat:
            return (await transfers.export(account.id, ChatId(self.chat), wish))[1]
        if self.format == "json":
            return transfers.export_all(account.id)
        return transfers.archive(account.id, wish, _SUFFIXES[self.format])


class Import(DeskCommand):
    """Give an account the chats of a file, as it is exported here or by ChatGPT, Open WebUI, LibreChat or Jupyter Chat.

    What the account has stays as it is; what is imported twice is there twice. It is written down in the audit.
    """

    name = "jupyter aichat import"
    takes = ("NAME", "FILE")
    examples = """
    jupyter aichat import ada chats.json
    jupyter aichat import ada conversations.json --json
    """
    strict = Bool(False, help="Exit with 1 also where only some chats could not be imported.").tag(config=True)
    flags = {**DeskCommand.flags, "strict": ({"Import": {"strict": True}}, strict.help)}

    async def work(self, administration: Administration) -> None:
        """Read it."""
        account = await self.account(administration)
        path = _path(self.argument(1))
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            self.fail(f"{path} cannot be read: {error.strerror}.")
        outcome = await self.desk.transfers.read(account.id, data)
        count = str(outcome.imported)
        await administration.transferred(COMMAND_LINE, operator(), account.id, "imported", chats=count)
        if self.json:
            self.row(outcome)
        else:
            self.say(f"{account.name}: {outcome.imported:,} chats imported.")
            for failure in outcome.failures:
                self.say(f"Not imported: {failure.message}")
        if outcome.failed and self.strict:
            self.fail(f"{outcome.failed:,} chats were not imported.")


def _path(argument: str | None) -> Path:
    return Path(argument or "").expanduser()


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> int:
    """Write a new file for its owner alone, and return its bytes; where that fails, none is left behind."""
    file = await asyncio.to_thread(_create, path)
    try:
        size = 0
        async for piece in pieces:
            size += await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(file.close)
    except BaseException:
        await asyncio.to_thread(path.unlink)
        raise
    return size


def _create(path: Path) -> BufferedWriter:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
