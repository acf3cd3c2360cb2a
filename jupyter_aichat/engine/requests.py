"""What the engine is asked to do, already decoded; names are those of the wire."""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.ids import ChatId, MessageId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.domain.run import Run


class NewChat(msgspec.Struct, frozen=True):
    """A chat to create; without a title it takes one from its first message."""

    title: str = ""
    model: str | None = None
    options: Options = Options()


class Send(msgspec.Struct, frozen=True):
    """A question. Without `chat_id` it begins a chat; `parent_id` UNSET is the chat's active leaf."""

    parts: tuple[TextPart, ...]
    chat_id: ChatId | None = None
    parent_id: MessageId | None | msgspec.UnsetType = msgspec.UNSET
    model: str | None = None
    options: Options = Options()
    key: str | None = None


class Edit(msgspec.Struct, frozen=True):
    """A question put differently: a sibling of `message_id`, a user's message."""

    chat_id: ChatId
    message_id: MessageId
    parts: tuple[TextPart, ...]
    model: str | None = None
    options: Options = Options()
    key: str | None = None


class Again(msgspec.Struct, frozen=True):
    """Another answer (regenerate), or the rest of one (continue), for `message_id`, an assistant's message."""

    chat_id: ChatId
    message_id: MessageId
    model: str | None = None
    options: Options = Options()
    key: str | None = None


class Sent(msgspec.Struct, frozen=True):
    """The question, the reply that its run fills, and the run."""

    message: Message
    reply: Message
    run: Run
    chat_created: bool = False
