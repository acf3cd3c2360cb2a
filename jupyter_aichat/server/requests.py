"""What came over the wire becomes what the engine is asked; requests and sockets share it."""

from __future__ import annotations

from msgspec import UNSET

from jupyter_aichat.domain.chat import ChatChanges
from jupyter_aichat.domain.ids import ChatId, MessageId
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.engine.requests import Again, Edit, NewChat, Send
from jupyter_aichat.errors import InvalidRequest
from jupyter_aichat.protocol.bodies import AgainBody, ChatChangesBody, EditBody, NewChatBody, SendBody


def to_send(body: SendBody, chat_id: str | None, key: str | None) -> Send:
    """Return the question of a send."""
    parent = body.parent_id
    return Send(
        parts=_parts(body),
        chat_id=None if chat_id is None else ChatId(chat_id),
        parent_id=MessageId(parent) if isinstance(parent, str) else parent,
        model=body.model,
        options=body.options,
        key=key,
    )


def to_edit(body: EditBody, chat_id: str, message_id: str, key: str | None) -> Edit:
    """Return the question of an edit."""
    parts = _parts(body)
    return Edit(ChatId(chat_id), MessageId(message_id), parts, model=body.model, options=body.options, key=key)


def to_again(body: AgainBody, chat_id: str, message_id: str, key: str | None) -> Again:
    """Return the wish for another answer, or for the rest of one."""
    return Again(ChatId(chat_id), MessageId(message_id), model=body.model, options=body.options, key=key)


def to_new_chat(body: NewChatBody) -> NewChat:
    """Return the chat to create."""
    return NewChat(title=body.title, model=body.model, options=body.options)


def to_changes(body: ChatChangesBody) -> ChatChanges:
    """Return the changes of a chat."""
    leaf = body.active_leaf
    return ChatChanges(
        title=body.title,
        model=body.model,
        options=body.options,
        pinned=body.pinned,
        archived=body.archived,
        active_leaf=MessageId(leaf) if isinstance(leaf, str) else leaf,
    )


def _parts(body: EditBody) -> tuple[TextPart, ...]:
    if (body.text is UNSET) == (body.parts is UNSET):
        raise InvalidRequest("Send either text or parts.")
    if isinstance(body.text, str):
        return (TextPart(body.text),)
    assert body.parts is not UNSET
    return tuple(TextPart(part.text) for part in body.parts)
