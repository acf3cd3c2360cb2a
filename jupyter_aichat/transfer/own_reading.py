"""Our own form, read: strictly, with new ids, and nothing taken from the file that is the store's to decide."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.ids import ChatId, MessageId, new_id
from jupyter_aichat.domain.message import RUNNING, Message
from jupyter_aichat.domain.part import Part, TextPart, ThinkingPart
from jupyter_aichat.transfer.fault import convert, fault
from jupyter_aichat.transfer.own import OwnChat, OwnMessage

MAX_TEXT = 4 * 1024 * 1024
"""Characters of one message, more than any answer has; fewer where many are of four bytes."""
_BYTES_EACH = 3
MAX_DETAILS = 64 * 1024
_MAX_NUMBER = 2**53


def conversation(raw: msgspec.Raw, place: str) -> Conversation:
    """Return the chat that stands at a place of a file; raises `Fault`."""
    own: OwnChat = convert(raw, OwnChat, place)
    chat_id, ids, roles = ChatId(new_id()), dict[str, MessageId](), dict[str, str]()
    messages: list[Message] = []
    check_text([own.title, own.model or "", own.options.system or "", *(own.options.stop or ())], place)
    for number, each in enumerate(own.messages):
        here = f"{place}.messages[{number}]"
        message: OwnMessage = convert(each, OwnMessage, here)
        _check_place(message, roles, here)
        _check_contents(message, here)
        ids[message.id], roles[message.id] = MessageId(new_id()), message.role
        parent = None if message.parent_id is None else ids[message.parent_id]
        messages.append(_message(message, chat_id, ids[message.id], parent, number + 1))
    if own.active_leaf is not None and own.active_leaf not in ids:
        raise fault("There is no such message in this chat.", f"{place}.active_leaf")
    leaf = ids.get(own.active_leaf) if own.active_leaf else (messages[-1].id if messages else None)
    chat = Chat(
        chat_id, own.title.strip(), own.created_at, own.updated_at, model=own.model or None, options=own.options,
        pinned=own.pinned, archived=own.archived, active_leaf=leaf,
    )  # fmt: skip
    return Conversation(chat, tuple(messages))


def _message(own: OwnMessage, chat: ChatId, message_id: MessageId, parent: MessageId | None, n: int) -> Message:
    running = own.status in RUNNING
    return Message(
        message_id, chat, parent, own.role, own.parts, "interrupted" if running else own.status, n, own.created_at,
        model=own.model, digest=own.digest, usage=own.usage, error=own.error,
        reason="imported" if running else own.reason, continuations=own.continuations,
    )  # fmt: skip


def _check_place(message: OwnMessage, roles: dict[str, str], place: str) -> None:
    """A message stands after its parent, a question after an answer or nothing, an answer after a question."""
    if message.id in roles:
        raise fault("This id is another message's already.", f"{place}.id")
    if message.parent_id is not None and message.parent_id not in roles:
        raise fault("No message before this one has this id.", f"{place}.parent_id")
    before = None if message.parent_id is None else roles[message.parent_id]
    if before not in (("assistant", None) if message.role == "user" else ("user",)):
        raise fault("A question follows an answer or nothing, and an answer follows a question.", f"{place}.role")


def _check_contents(message: OwnMessage, place: str) -> None:
    if message.role == "user":
        if message.status != "completed":
            raise fault("A question is completed.", f"{place}.status")
        if not message.parts or not all(isinstance(part, TextPart) for part in message.parts):
            raise fault("A question consists of text.", f"{place}.parts")
    if message.error is not None:
        check_text([message.error.code, message.error.message], f"{place}.error")
        check_size(message.error.details, f"{place}.error.details")
    if message.usage is not None:
        check_numbers(msgspec.structs.astuple(message.usage), f"{place}.usage")
    for mark in message.continuations:
        check_numbers((mark.part, mark.offset), f"{place}.continuations")
        if mark.at.tzinfo is None:
            raise fault("A time needs its offset from UTC.", f"{place}.continuations")
    check_text([message.model or "", message.digest or "", message.reason or ""], place)
    check_parts(message.parts, place)


def check_parts(parts: tuple[Part, ...], place: str) -> None:
    """Refuse what is too long, and text that no store can hold; raises `Fault`."""
    total = 0
    for number, part in enumerate(parts):
        here = f"{place}.parts[{number}]"
        if isinstance(part, TextPart | ThinkingPart):
            total += length_of(part.text)
            check_text([part.text], here)
        else:
            check_text([part.id, part.name], here)
            total += check_size(part.arguments, f"{here}.arguments", MAX_TEXT)
    if total > MAX_TEXT:
        raise fault(f"A message has at most {MAX_TEXT:,} characters, of 3 bytes each.", f"{place}.parts")


def length_of(text: str) -> int:
    """Return the characters of a text, or a third of its bytes where that is more: no store keeps 16 MB in one piece."""
    return len(text) if text.isascii() else max(len(text), len(text.encode()) // _BYTES_EACH)


def check_text(texts: Iterable[str], place: str) -> None:
    """Refuse NUL, which no text may hold; raises `Fault`."""
    if any("\0" in text for text in texts):
        raise fault("Text may not hold NUL.", place)


def check_size(value: object, place: str, most: int = MAX_DETAILS) -> int:
    """Return the bytes of a value of free form as JSON; raises `Fault` for too many, and for NUL anywhere in it."""
    found = msgspec.json.encode(value)
    if len(found) > most:
        raise fault(f"This is longer than {most:,} bytes.", place)
    if b"\\u0000" in found:
        raise fault("Text may not hold NUL.", place)
    return len(found)


def check_numbers(numbers: Iterable[object], place: str) -> None:
    """Refuse counts that are none; raises `Fault`."""
    for number in numbers:
        if isinstance(number, int | float) and not 0 <= number <= _MAX_NUMBER:
            raise fault(f"A number is between 0 and {_MAX_NUMBER:,}.", place)
