"""ChatGPT's ``conversations.json``: a list of chats, each with a ``mapping`` of nodes that know their parent.

Nodes without a message, of the system and hidden ones are steps only. What is no text (pictures, files) is named.
"""

from __future__ import annotations

from typing import Any

import msgspec

from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.message import Role
from jupyter_aichat.domain.part import Part
from jupyter_aichat.transfer import foreign
from jupyter_aichat.transfer.fault import convert
from jupyter_aichat.transfer.markdown import fenced

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "tool": "assistant"}
_ABOUT_THE_PERSON = ("user_editable_context", "model_editable_context")


class _Author(msgspec.Struct, frozen=True):
    role: str = ""


class _Metadata(msgspec.Struct, frozen=True):
    model_slug: str | None = None
    is_visually_hidden_from_conversation: bool | None = None


class _Message(msgspec.Struct, frozen=True):
    author: _Author = _Author()
    create_time: float | None = None
    content: dict[str, Any] = {}
    status: str | None = None
    metadata: _Metadata = _Metadata()


class _Node(msgspec.Struct, frozen=True):
    message: _Message | None = None
    parent: str | None = None


class _Chat(msgspec.Struct, frozen=True):
    mapping: dict[str, _Node]
    title: str | None = None
    create_time: float | None = None
    update_time: float | None = None
    current_node: str | None = None
    default_model_slug: str | None = None
    is_archived: bool | None = None


def conversation(raw: msgspec.Raw, place: str) -> Conversation:
    """Return the chat that stands at a place of the file; raises `Fault`."""
    chat: _Chat = convert(raw, _Chat, place)
    return foreign.conversation(
        foreign.Story(
            title=chat.title or "",
            nodes={name: _node(name, node) for name, node in chat.mapping.items()},
            place=place,
            created=chat.create_time,
            updated=chat.update_time,
            leaf=chat.current_node,
            archived=bool(chat.is_archived),
        )
    )


def _node(name: str, node: _Node) -> foreign.Node:
    message = node.message
    if message is None or message.metadata.is_visually_hidden_from_conversation:
        return foreign.Node(name, node.parent, None)
    role = _ROLES.get(message.author.role)
    return foreign.Node(
        name, node.parent, role, _parts(message.content) if role else (), message.create_time,
        message.metadata.model_slug, message.status != "in_progress",
    )  # fmt: skip


def _parts(content: dict[str, Any]) -> tuple[Part, ...]:
    kind = content.get("content_type")
    if kind in _ABOUT_THE_PERSON:
        return ()
    if kind == "thoughts":
        thoughts = [each for each in _list(content.get("thoughts")) if isinstance(each, dict)]
        text = "\n\n".join(_text(each.get("content")) or _text(each.get("summary")) for each in thoughts)
        return (foreign.thinking_part(text),) if text.strip() else ()
    if kind in ("code", "execution_output"):
        code = _text(content.get("text"))
        language = _text(content.get("language")) if kind == "code" else ""
        known = language if language.isalnum() and language != "unknown" else ""
        return (foreign.text_part(fenced(code, known)),) if code.strip() else ()
    said = [_said(part) for part in _list(content.get("parts"))] or [_text(content.get("text"))]
    text = "\n\n".join(filter(None, said))
    return (foreign.text_part(text),) if text.strip() else ()


def _said(part: object) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        return _text(part.get("text")) or f"*({_text(part.get('content_type')).replace('_', ' ') or 'attachment'})*"
    return ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
