"""``%chat export FILE`` and ``%chat export CHAT FILE``: a chat becomes a file beside the notebook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.errors import InvalidRequest, NotFound
from jupyter_aichat.kernel.api import Api
from jupyter_aichat.kernel.session import Session

_FORMS = {".md": "markdown", ".ipynb": "notebook", ".json": "json"}
_FILE = r"\S+\.(?:md|ipynb|json)|\"[^\"]+\.(?:md|ipynb|json)\""
_LINE = re.compile(rf"\s*export\s+(?:(?P<chat>\"[^\"]+\"|\S+)\s+)?(?P<file>{_FILE})\s*")


class Export(NamedTuple):
    """Which chat goes into which file; None is the current one."""

    chat: str | None
    file: Path


def export_in(line: str) -> Export | None:
    """Return what a line wants to be exported; None for a line that is a question."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    chat = found["chat"]
    return Export(chat.strip('"') if chat else None, Path(found["file"].strip('"')).expanduser())


async def read_export(session: Session, export: Export) -> bytes:
    """Return the file's contents; raises `NotFound` for a chat that is not there."""

    async def read(api: Api) -> bytes:
        chat = session.chat_id if export.chat is None else (await _named(api, export.chat)).id
        if chat is None:
            raise InvalidRequest("There is no current chat yet: ask something, or name a chat.")
        return await api.export(chat, _FORMS[export.file.suffix])

    return await session.with_api(read)


def write_new(file: Path, data: bytes) -> str:
    """Write a file that was not there, and return what to say of it; raises `InvalidRequest`."""
    try:
        with file.open("xb") as opened:
            opened.write(data)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be written: {error.strerror}.") from None
    return f"{file}: {len(data):,} bytes."


async def _named(api: Api, name: str) -> Chat:
    """Return the chat of an id, or else the only one of a title."""
    if re.fullmatch(r"[0-9A-Za-z_-]{1,64}", name):
        try:
            return await api.chat(name)
        except NotFound:
            pass
    found = [chat for chat in await api.chats(name) if chat.title.casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    ids = ", ".join(chat.id for chat in found)
    raise NotFound(f"Several chats are called so: {ids}." if found else "There is no chat of this id or title.")
