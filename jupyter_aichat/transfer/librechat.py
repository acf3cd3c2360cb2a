"""LibreChat's export of one chat: messages that know their parent, or that stand in their parent's ``children``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.part import Part
from jupyter_aichat.transfer import foreign
from jupyter_aichat.transfer.fault import convert, fault


class _Message(msgspec.Struct, frozen=True, rename="camel"):
    message_id: str
    parent_message_id: str | None = None
    text: str | None = None
    content: Any = None
    is_created_by_user: bool = False
    created_at: str | None = None
    model: str | None = None
    unfinished: bool | None = None
    children: list[msgspec.Raw] = []


class _Chat(msgspec.Struct, frozen=True, rename="camel"):
    conversation_id: str
    title: str | None = None
    recursive: bool | None = None
    messages: list[msgspec.Raw] = []
    messages_tree: list[msgspec.Raw] = []


def conversation(raw: msgspec.Raw, place: str) -> Conversation:
    """Return the chat of the file; raises `Fault`."""
    chat: _Chat = convert(raw, _Chat, place)
    nodes: dict[str, foreign.Node] = {}
    for node, here in _nodes(chat.messages_tree or chat.messages, place):
        if node.name in nodes:
            raise fault("This id is another message's already.", here)
        nodes[node.name] = node
    times = [node.at for node in nodes.values() if node.at is not None]
    return foreign.conversation(
        foreign.Story(
            chat.title or "", nodes, place, created=min(times, default=None), updated=max(times, default=None)
        )
    )


def _nodes(messages: list[msgspec.Raw], place: str) -> Iterator[tuple[foreign.Node, str]]:
    """Yield all messages; those that stand in another have that one as their parent."""
    waiting = [(raw, f"{place}.messages[{number}]", "") for number, raw in enumerate(messages)]
    waiting.reverse()
    while waiting:
        raw, here, parent = waiting.pop()
        message: _Message = convert(raw, _Message, here)
        yield _node(message, parent or message.parent_message_id), here
        below = [(each, f"{here}.children[{n}]", message.message_id) for n, each in enumerate(message.children)]
        waiting += reversed(below)


def _node(message: _Message, parent: str | None) -> foreign.Node:
    return foreign.Node(
        message.message_id,
        parent,
        "user" if message.is_created_by_user else "assistant",
        tuple(_parts(message)),
        _seconds(message.created_at),
        message.model,
        not message.unfinished,
    )


def _parts(message: _Message) -> Iterator[Part]:
    if message.text and message.text.strip():
        yield foreign.text_part(message.text)
        return
    for part in message.content if isinstance(message.content, list) else ():
        if not isinstance(part, dict):
            continue
        for kind, make in (("think", foreign.thinking_part), ("text", foreign.text_part)):
            found = part.get(kind)
            text = found.get("value") if isinstance(found, dict) else found
            if isinstance(text, str) and text.strip():
                yield make(text)


def _seconds(at: str | None) -> float | None:
    try:
        return None if at is None else datetime.fromisoformat(at).timestamp()
    except ValueError:
        return None
