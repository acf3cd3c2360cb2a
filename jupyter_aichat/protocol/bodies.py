"""Bodies of requests and replies, by the wire's names.

What a client sends forbids unknown fields, so that nobody can set what is the server's; what the server sends is always
whole. Structs of `jupyter_aichat.domain` are sent as they are.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.model import Model, ProviderState
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.domain.quota import QuotaStanding
from jupyter_aichat.domain.run import Run
from jupyter_aichat.errors import InvalidRequest

MAX_BODY = 1024 * 1024
"""The largest request body and client frame, in bytes."""

MAX_SEQ = 2**63 - 1

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[0-9A-Za-z_-]+$")]
ModelName = Annotated[str, Meta(min_length=1, max_length=256)]
IdempotencyKey = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[ -~]+$(?!\n)")]
Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Cursor = Annotated[str, Meta(min_length=1, max_length=1024)]


class TextInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="text"):
    """A part that a person writes: Markdown."""

    text: str


class AgainBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another answer, or the rest of one. Options given here win over those of the chat, field by field."""

    model: ModelName | None = None
    options: Options = Options()
    idempotency_key: IdempotencyKey | None = None


class EditBody(AgainBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A question put differently: either ``text`` or ``parts``."""

    text: str | UnsetType = UNSET
    parts: Annotated[tuple[TextInput, ...], Meta(min_length=1, max_length=64)] | UnsetType = UNSET

    def content(self) -> tuple[TextPart, ...]:
        """Return the parts of the question; raises `InvalidRequest` unless it is told in exactly one way."""
        if isinstance(self.text, str) and self.parts is UNSET:
            return (TextPart(self.text),)
        if self.text is UNSET and self.parts is not UNSET:
            return tuple(TextPart(part.text) for part in self.parts)
        raise InvalidRequest("Send either text or parts.")


class SendBody(EditBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A question. ``parent_id`` absent is the chat's active leaf, null a new root."""

    parent_id: Id | None | UnsetType = UNSET


class NewChatBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A chat to create; without a title it takes one from its first message."""

    title: str = ""
    model: ModelName | None = None
    options: Options = Options()


class ChatChangesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to change of a chat; an absent field stays as it is."""

    title: str | UnsetType = UNSET
    model: ModelName | None | UnsetType = UNSET
    options: Options | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    active_leaf: Id | UnsetType = UNSET


class ChatsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which chats to list; ``q`` is found anywhere in the title."""

    q: Annotated[str, Meta(max_length=256)] = ""
    archived: bool = False
    pinned: bool | None = None
    cursor: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 60


class MessagesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """All messages in creation order; with ``leaf`` that path only, newest first."""

    leaf: Id | None = None
    cursor: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class RunEventsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The last event seen; the header ``Last-Event-ID`` wins."""

    after: Seq = 0


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The chat whose runs to follow, beside the changes of all chats."""

    chat_id: Id | None = None


class ChatPage(msgspec.Struct, frozen=True):
    """Some chats, and the opaque cursor to the next ones."""

    items: tuple[Chat, ...]
    next: str | None


class MessagePage(msgspec.Struct, frozen=True):
    """Some messages, and the opaque cursor to the next ones."""

    items: tuple[Message, ...]
    next: str | None


class SentReply(msgspec.Struct, frozen=True):
    """The question, the reply that its run fills, and the run."""

    message: Message
    reply: Message
    run: Run


class StopReply(msgspec.Struct, frozen=True):
    """The run as it stands."""

    run: Run


class ModelsReply(msgspec.Struct, frozen=True):
    """The models on offer, the one to take when none is named, and the state of each provider."""

    items: tuple[Model, ...]
    next: str | None
    default: str | None
    providers: tuple[ProviderState, ...]


class Limits(msgspec.Struct, frozen=True):
    """The bounds that a client can know beforehand: sizes in bytes, and of a service how much one may do.

    Null is no bound. ``connections`` are sockets and event streams, ``quotas`` what is used of each by now.
    """

    body: int
    frame: int
    requests_per_minute: int | None = None
    sends_per_minute: int | None = None
    connections: int | None = None
    quotas: tuple[QuotaStanding, ...] = ()


class MeReply(msgspec.Struct, frozen=True):
    """Who is asking. ``keeps_chats_days`` is for how many days a chat is kept that nobody changes, null for ever.

    ``keeps_pinned`` tells whether that is not so of pinned ones, which are kept.
    """

    owner_id: str
    name: str
    display_name: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    preferences: dict[str, object]
    limits: Limits
    groups: tuple[str, ...] = ()
    keeps_chats_days: int | None = None
    keeps_pinned: bool = True


class HealthReply(msgspec.Struct, frozen=True):
    """That the process lives, and how far it is; ``code`` says what a failed start was about.

    ``service`` is what a server that forwards to a service has last seen of it, null where chats are kept here.
    """

    status: Literal["ok"]
    state: Literal["starting", "ready", "failed", "stopping"]
    code: str | None
    version: str
    service: Literal["unknown", "ok", "away", "refused"] | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong. ``reason`` is Jupyter's own field, null where it has nothing to say."""

    code: str
    message: str
    details: dict[str, object]
    reason: str | None
