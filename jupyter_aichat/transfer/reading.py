"""A file of chats, whoever wrote it: which form it has, and its chats one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.transfer import chatgpt, jupyter_chat, librechat, open_webui, own_reading
from jupyter_aichat.transfer.fault import Fault, convert, fault
from jupyter_aichat.transfer.own import FORMAT, VERSION, OwnFile

MAX_CHATS = 10_000
"""Of one file."""

Reader = Callable[[msgspec.Raw, str], Conversation]

_UNKNOWN = (
    "This is no file of chats that is known here: JSON as it is exported here, or from ChatGPT, Open WebUI, LibreChat or "
    "Jupyter Chat."
)


class Found(NamedTuple):
    """A chat of a file: where it stands, and how to read it, which raises `Fault`."""

    place: str
    read: Callable[[], Conversation]


_ABSENT = msgspec.Raw()


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    """What tells one form from another."""

    format: msgspec.Raw = _ABSENT
    version: msgspec.Raw = _ABSENT
    mapping: msgspec.Raw = _ABSENT
    chat: msgspec.Raw = _ABSENT
    conversation_id: msgspec.Raw = _ABSENT
    messages: msgspec.Raw = _ABSENT
    messages_tree: msgspec.Raw = _ABSENT
    users: msgspec.Raw = _ABSENT


def chats_in(data: bytes | bytearray) -> Iterator[Found]:
    """Yield the chats of a file, not read yet; raises `Fault` for a file that cannot be read as a whole."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    raw = msgspec.Raw(data)
    if data.lstrip()[:1] == b"[":
        items: list[msgspec.Raw] = convert(raw, list[msgspec.Raw], "$")
        _check_count(len(items), "$")
        if not items:
            raise fault("There are no chats in this file.", "$")
        for number, item in enumerate(items):
            yield _found(item, f"$[{number}]")
        return
    head: _Head = convert(raw, _Head, "$")
    if _has(head.format):
        yield from _own(raw, head)
        return
    yield _found(raw, "$", head)


def _own(raw: msgspec.Raw, head: _Head) -> Iterator[Found]:
    if bytes(head.format) != msgspec.json.encode(FORMAT):
        raise fault(_UNKNOWN, "$.format")
    version = bytes(head.version)
    if version.isdigit() and int(version[:9]) > VERSION:
        raise fault("A newer version of jupyterlab-aichat has written this file; please upgrade.", "$.version")
    file: OwnFile = convert(raw, OwnFile, "$")
    _check_count(len(file.chats), "$.chats")
    for number, item in enumerate(file.chats):
        yield _lazily(own_reading.conversation, item, f"$.chats[{number}]")


def _found(raw: msgspec.Raw, place: str, head: _Head | None = None) -> Found:
    def read() -> Conversation:
        known = head if head is not None else convert(raw, _Head, place)
        return _reader(known, place)(raw, place)

    return Found(place, read)


def _reader(head: _Head, place: str) -> Reader:
    if _has(head.mapping):
        return chatgpt.conversation
    if _has(head.chat):
        return open_webui.conversation
    if _has(head.conversation_id) and (_has(head.messages) or _has(head.messages_tree)):
        return librechat.conversation
    if _has(head.messages) and _has(head.users):
        return jupyter_chat.conversation
    raise fault(_UNKNOWN, place)


def _lazily(reader: Reader, raw: msgspec.Raw, place: str) -> Found:
    return Found(place, lambda: reader(raw, place))


def _has(raw: msgspec.Raw) -> bool:
    return memoryview(raw).nbytes > 0


def _check_count(count: int, place: str) -> None:
    if count > MAX_CHATS:
        raise fault(f"A file has at most {MAX_CHATS:,} chats.", place)


__all__ = ["MAX_CHATS", "Fault", "Found", "chats_in"]
