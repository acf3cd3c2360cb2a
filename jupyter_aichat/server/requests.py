"""What came over the wire becomes what the engine is asked; requests and sockets share it."""

from __future__ import annotations

from jupyter_aichat.domain.chat import ChatChanges
from jupyter_aichat.domain.ids import ChatId, MessageId
from jupyter_aichat.engine.requests import Again, Edit, NewChat, Send
from jupyter_aichat.protocol.bodies import AgainBody, ChatChangesBody, EditBody, NewChatBody, SendBody


def to_send(body: SendBody, chat_id: str | None, key: str | None) -> Send:
    """Return the question of a send."""
    parent = body.parent_id
    return Send(
        parts=body.content(),
        chat_id=None if chat_id is None else ChatId(chat_id),
        parent_id=MessageId(parent) if isinstance(parent, str) else parent,
        model=body.model,
        options=body.options,
        key=key,
    )


def to_edit(body: EditBody, chat_id: str, message_id: str, key: str | None) -> Edit:
    """Return the question of an edit."""
    parts = body.content()
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
