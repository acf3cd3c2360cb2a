"""Bodies about shares, and what the readers of a share are sent.

A reader is told what the owner sees of one branch, and nothing that stands for the owner: no owner's id, no user name, no
options, no run, no address of a model server. Ids of messages and shares mean nothing under any other route.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.event import (
    Event,
    RunFinished,
    RunStarted,
    Snapshot,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    decode_event,
)
from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.message import Message, Role, Status
from jupyter_aichat.domain.part import Part
from jupyter_aichat.domain.run import Outcome
from jupyter_aichat.errors import InvalidRequest
from jupyter_aichat.protocol.bodies import Cursor
from jupyter_aichat.protocol.codec import encode

_LONGEST_S = 10 * 366 * 24 * 3600

UserName = Annotated[str, Meta(min_length=1, max_length=256)]


class NewShareBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"reader": "with"}):
    """A share to make: ``with`` a user, or else a link; until ``expires_at``, or for ``expires_in`` seconds."""

    reader: UserName | None = None
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    expires_in: Annotated[int, Meta(ge=1, le=_LONGEST_S)] | None = None

    def end(self) -> datetime | None:
        """Return when the share shall end; raises `InvalidRequest` where that is told twice."""
        if self.expires_in is None:
            return self.expires_at
        if self.expires_at is not None:
            raise InvalidRequest("Send either expires_at or expires_in.")
        return now() + timedelta(seconds=self.expires_in)


class ShareReply(msgspec.Struct, frozen=True, kw_only=True, rename={"reader": "with"}):
    """A share, as the chat's owner sees it; ``with`` is a user name, null for a link."""

    id: str
    reader: str | None
    created_at: datetime
    expires_at: datetime | None


class NewShareReply(ShareReply, frozen=True, kw_only=True, rename={"reader": "with"}):
    """A new share. ``token`` opens a link and is shown this once; null where the reader opens it by its ``id``."""

    token: str | None


class SharesReply(msgspec.Struct, frozen=True):
    """The shares of a chat, newest first."""

    items: tuple[ShareReply, ...]
    next: str | None


class ReceivedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Where the list goes on."""

    cursor: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class ReceivedShare(msgspec.Struct, frozen=True):
    """A chat that was shared with the one who asks; read it by this id."""

    id: str
    title: str
    shared_by: str
    created_at: datetime
    expires_at: datetime | None


class ReceivedPage(msgspec.Struct, frozen=True):
    """What was shared with the one who asks, newest first, and the opaque cursor to the next ones."""

    items: tuple[ReceivedShare, ...]
    next: str | None


class SharedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages of the chat: the newest, or those before them."""

    cursor: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class SharedMessage(msgspec.Struct, frozen=True):
    """A message as a reader of a share sees it; ``error`` is a code."""

    id: str
    role: Role
    parts: tuple[Part, ...]
    status: Status
    created_at: datetime
    model: str | None
    reason: str | None
    error: str | None

    @classmethod
    def of(cls, message: Message) -> SharedMessage:
        """Return what a reader may see of a message."""
        return cls(
            message.id, message.role, message.parts, message.status, message.created_at, message.model, message.reason,
            _code_of(message.error),
        )  # fmt: skip


class SharedReply(msgspec.Struct, frozen=True):
    """A shared chat: the branch that its owner sees, the newest messages in reading order, and the cursor to earlier ones."""

    title: str
    model: str | None
    shared_by: str
    expires_at: datetime | None
    messages: tuple[SharedMessage, ...]
    next: str | None


# What is sent to those who read live


class SharedChatFrame(msgspec.Struct, frozen=True, tag="chat"):
    """The chat without its messages: at first, and when something of it has changed."""

    title: str
    model: str | None
    shared_by: str
    expires_at: datetime | None


class SharedMessagesFrame(msgspec.Struct, frozen=True, tag="messages"):
    """The branch goes on with these after the message ``after``; null: they are all, with the cursor to earlier ones."""

    after: str | None
    items: tuple[SharedMessage, ...]
    next: str | None


class SharedSnapshot(msgspec.Struct, frozen=True, tag="snapshot"):
    """The whole message so far: replaces what a reader has of it."""

    message: SharedMessage


class SharedRunFinished(msgspec.Struct, frozen=True, tag="run_finished"):
    """The answer has ended; ``error`` is a code."""

    state: Outcome
    reason: str | None
    error: str | None


SharedEvent = RunStarted | TextDelta | ThinkingDelta | ToolCall | SharedSnapshot | SharedRunFinished


class SharedEventFrame(msgspec.Struct, frozen=True, tag="event"):
    """One step of an answer."""

    message_id: str
    event: SharedEvent


class SharedEndFrame(msgspec.Struct, frozen=True, tag="end"):
    """The share has ended; why is nobody's business but its owner's."""


SharedFrame = SharedChatFrame | SharedMessagesFrame | SharedEventFrame | SharedEndFrame

_AS_THEY_ARE = tuple(
    b'{"type":"%b"' % kind for kind in (b"text_delta", b"thinking_delta", b"tool_call", b"run_started")
)


def server_sent(frame: SharedFrame) -> bytes:
    """Return a frame as a server-sent event."""
    return b"data: %b\n\n" % encode(frame)


class SharedEvents:
    """Makes the frames of one answer for readers of a share; text is passed on as it is."""

    __slots__ = ("_head",)

    def __init__(self, message_id: str) -> None:
        self._head = b'data: {"type":"event","message_id":%b,"event":' % encode(message_id)

    def server_sent(self, _seq: int, event: bytes) -> bytes:
        """Return one server-sent event, empty where it is none of a reader's business."""
        if event.startswith(_AS_THEY_ARE):
            return b"%b%b}\n\n" % (self._head, event)
        shown = _shown(decode_event(event))
        return b"" if shown is None else b"%b%b}\n\n" % (self._head, encode(shown))


def _shown(event: Event) -> SharedEvent | None:
    match event:
        case Snapshot(message):
            return SharedSnapshot(SharedMessage.of(message))
        case RunFinished(state, reason, error, _):
            return SharedRunFinished(state, reason, _code_of(error))
        case _:
            return None


def _code_of(error: Failure | None) -> str | None:
    return None if error is None else error.code


def shared(messages: Iterable[Message]) -> tuple[SharedMessage, ...]:
    """Return messages that are told newest first in reading order, as readers see them."""
    return tuple(map(SharedMessage.of, messages))[::-1]
