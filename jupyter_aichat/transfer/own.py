"""Our own form: one JSON document with all there is of chats, their branches too, written message by message.

```
{"format": "jupyter_aichat", "version": 1, "exported_at": …, "chats": [
  {"id": …, "title": …, …, "messages": [
    {"id": …, "parent_id": …, "role": …, "parts": […], …},
    …
  ], "active_leaf": …}
]}
```

A message stands after its parent. What only this store knows (``n``, ``seq``, runs) is not told.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.message import Continuation, Message, Role, Status
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import Part
from jupyter_aichat.domain.usage import Usage

FORMAT = "jupyter_aichat"
VERSION = 1

MAX_TITLE = 500
MAX_PARTS = 1000
MAX_MESSAGES = 20_000
"""Of one chat that is imported."""

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+\Z")]
Word = Annotated[str, Meta(max_length=256)]
When = Annotated[datetime, Meta(tz=True)]


class OwnMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A message of our own form."""

    id: Name
    parent_id: Name | None
    role: Role
    parts: Annotated[tuple[Part, ...], Meta(max_length=MAX_PARTS)]
    status: Status
    created_at: When
    model: Word | None = None
    digest: Word | None = None
    usage: Usage | None = None
    error: Failure | None = None
    reason: Word | None = None
    continuations: Annotated[tuple[Continuation, ...], Meta(max_length=MAX_PARTS)] = ()


class OwnChat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A chat of our own form; its messages are looked at one by one."""

    id: Name
    title: Annotated[str, Meta(max_length=MAX_TITLE)]
    created_at: When
    updated_at: When
    model: Word | None = None
    options: Options = Options()
    pinned: bool = False
    archived: bool = False
    messages: Annotated[list[msgspec.Raw], Meta(max_length=MAX_MESSAGES)]
    active_leaf: Name | None = None


class OwnFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file of version 1."""

    format: Literal["jupyter_aichat"]
    version: Literal[1]
    exported_at: When
    chats: list[msgspec.Raw]


_OF_CHAT = ("id", "title", "created_at", "updated_at", "model", "options", "pinned", "archived")


def head(at: datetime) -> bytes:
    """Return what the file begins with."""
    begin = msgspec.json.encode({"format": FORMAT, "version": VERSION, "exported_at": at})
    return begin[:-1] + b',"chats":[\n'


def chat_head(chat: Chat) -> bytes:
    """Return what a chat begins with."""
    return msgspec.json.encode({name: getattr(chat, name) for name in _OF_CHAT})[:-1] + b',"messages":[\n'


def message_line(message: Message) -> bytes:
    """Return a message."""
    return msgspec.json.encode({name: getattr(message, name) for name in OwnMessage.__struct_fields__})


def chat_end(active_leaf: str | None) -> bytes:
    """Return what a chat ends with."""
    return b'\n],"active_leaf":' + msgspec.json.encode(active_leaf) + b"}"


def end() -> bytes:
    """Return what the file ends with."""
    return b"\n]}\n"


def whole(chat: Chat, messages: Iterator[Message], at: datetime) -> bytes:
    """Return a file of one chat, for what is small enough to be held at once."""
    lines = b",\n".join(map(message_line, messages))
    return head(at) + chat_head(chat) + lines + chat_end(chat.active_leaf) + end()
