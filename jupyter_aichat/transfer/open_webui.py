"""Open WebUI's export of chats: a list, each with a ``chat.history`` of messages that know their parent."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.message import Role
from jupyter_aichat.domain.part import Part
from jupyter_aichat.transfer import foreign
from jupyter_aichat.transfer.fault import convert

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant"}
_EDGE = re.compile(r"<details\b|</details>")
_SUMMARY = re.compile(r"\s*(?:<summary>[^<]*</summary>)?")
_MILLISECONDS = 10_000_000_000  # a time in seconds is less than this until the year 2286


class _Details(NamedTuple):
    """A ``details`` element: where it stands, what its tag says, and its contents without the summary."""

    begin: int
    end: int
    kind: str
    inside: str


class _Message(msgspec.Struct, frozen=True, rename="camel"):
    parent_id: str | None = None
    role: str = ""
    content: Any = ""
    timestamp: float | None = None
    model: str | None = None
    done: bool | None = None
    error: Any = None


class _History(msgspec.Struct, frozen=True, rename="camel"):
    messages: dict[str, _Message]
    current_id: str | None = None


class _Inner(msgspec.Struct, frozen=True):
    history: _History
    title: str | None = None
    models: list[str] = []


class _Chat(msgspec.Struct, frozen=True):
    chat: _Inner
    title: str | None = None
    created_at: float | None = None
    updated_at: float | None = None
    archived: bool | None = None
    pinned: bool | None = None


def conversation(raw: msgspec.Raw, place: str) -> Conversation:
    """Return the chat that stands at a place of the file; raises `Fault`."""
    chat: _Chat = convert(raw, _Chat, place)
    history = chat.chat.history
    return foreign.conversation(
        foreign.Story(
            title=chat.title or chat.chat.title or "",
            nodes={name: _node(name, message) for name, message in history.messages.items()},
            place=place,
            created=_seconds(chat.created_at),
            updated=_seconds(chat.updated_at),
            leaf=history.current_id,
            pinned=bool(chat.pinned),
            archived=bool(chat.archived),
        )
    )


def _node(name: str, message: _Message) -> foreign.Node:
    role = _ROLES.get(message.role)
    complete = message.done is not False and not message.error
    at = _seconds(message.timestamp)
    return foreign.Node(name, message.parent_id, role, _parts(message.content), at, message.model, complete)


def _parts(content: object) -> tuple[Part, ...]:
    """Thinking stands in the text as a ``details`` element, escaped and quoted; what tools said is left out."""
    if isinstance(content, list):
        content = "\n\n".join(
            each["text"] for each in content if isinstance(each, dict) and isinstance(each.get("text"), str)
        )
    if not isinstance(content, str):
        return ()
    found: list[Part] = []
    at = 0
    for details in _details(content):
        if 'type="' not in details.kind:
            continue
        _add_text(found, content[at : details.begin])
        at = details.end
        if 'type="reasoning"' in details.kind:
            lines = html.unescape(details.inside).strip().split("\n")
            thought = "\n".join(re.sub(r"^> ?", "", line) for line in lines)
            if thought.strip():
                found.append(foreign.thinking_part(thought))
    _add_text(found, content[at:])
    return tuple(found)


def _details(content: str) -> Iterator[_Details]:
    """Yield the ``details`` that have none in them; each character is looked at a few times, however the text is made."""
    begin: int | None = None
    for edge in _EDGE.finditer(content):
        if edge[0] != "</details>":
            begin = edge.start()
            continue
        if begin is not None and (named := content.find(">", begin, edge.start())) >= 0:
            inside = content[named + 1 : edge.start()]
            summary = _SUMMARY.match(inside)
            kind = content[begin + len("<details") : named]
            yield _Details(begin, edge.end(), kind, inside[summary.end() if summary else 0 :])
        begin = None


def _add_text(parts: list[Part], text: str) -> None:
    if text.strip():
        parts.append(foreign.text_part(text.strip("\n")))


def _seconds(at: float | None) -> float | None:
    return at / 1000 if at is not None and at > _MILLISECONDS else at
