"""Frames of the socket, both ways.

A frame is a JSON object with ``type``; one WebSocket message may carry several, one a line. Events are by far the most
frequent frames: they are put together from bytes that exist already (`EventFrames`).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jupyter_aichat.domain.change import ChangeKind
from jupyter_aichat.domain.event import Event
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.principal import Principal
from jupyter_aichat.domain.readiness import Parts
from jupyter_aichat.domain.run import Run, State
from jupyter_aichat.protocol.bodies import AgainBody, EditBody, Id, SendBody, Seq

PROTOCOL = "aichat.v1"
"""The subprotocol's name."""

FrameId = Annotated[str, Meta(max_length=128)] | Annotated[int, Meta(ge=-(2**53), le=2**53)] | None
"""A client's own number for a frame; the ``ack`` or ``error`` that answers it carries the same."""


class SendFrame(SendBody, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="send"):
    """A question; without ``chat_id`` it begins a chat. The socket then follows the run."""

    id: FrameId = None
    chat_id: Id | None = None


class EditFrame(EditBody, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="edit"):
    """A question put differently."""

    id: FrameId = None
    chat_id: Id
    message_id: Id


class RegenerateFrame(AgainBody, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="regenerate"):
    """Another answer."""

    id: FrameId = None
    chat_id: Id
    message_id: Id


class ContinueFrame(AgainBody, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="continue"):
    """The rest of an answer."""

    id: FrameId = None
    chat_id: Id
    message_id: Id


class SubscribeFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="subscribe"):
    """Follow a run from after an event (0: from its first), or all runs of a chat."""

    id: FrameId = None
    run_id: Id | UnsetType = UNSET
    after: Seq | UnsetType = UNSET
    chat_id: Id | UnsetType = UNSET


class UnsubscribeFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="unsubscribe"):
    """Follow a run, or the runs of a chat, no more."""

    id: FrameId = None
    run_id: Id | UnsetType = UNSET
    chat_id: Id | UnsetType = UNSET


class StopFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="stop"):
    """Stop a run."""

    id: FrameId = None
    run_id: Id


class PingFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="ping"):
    """Ask whether somebody is there."""

    id: FrameId = None


ClientFrame = (
    SendFrame | EditFrame | RegenerateFrame | ContinueFrame | SubscribeFrame | UnsubscribeFrame | StopFrame | PingFrame
)


class HelloFrame(msgspec.Struct, frozen=True, tag="hello"):
    """The first frame: the protocol, and who is asking."""

    protocol: str
    principal: Principal


class RunState(msgspec.Struct, frozen=True):
    """A run of a chat that was subscribed to."""

    id: str
    state: State
    seq: int


class AckFrame(msgspec.Struct, frozen=True, kw_only=True, tag="ack"):
    """A frame was carried out. The sends are answered with all but ``runs``, stop with ``run``, a chat with ``runs``."""

    id: FrameId
    chat_id: str | UnsetType = UNSET
    message: Message | UnsetType = UNSET
    reply: Message | UnsetType = UNSET
    run: Run | UnsetType = UNSET
    runs: tuple[RunState, ...] | UnsetType = UNSET


class ErrorFrame(msgspec.Struct, frozen=True, kw_only=True, tag="error"):
    """A frame was not carried out; ``id`` is null where the frame had none or could not be read."""

    id: FrameId
    code: str
    message: str
    details: dict[str, object]


class EventFrame(msgspec.Struct, frozen=True, tag="event"):
    """One event of a run."""

    run_id: str
    chat_id: str
    seq: int
    event: Event


class ChatChangedFrame(msgspec.Struct, frozen=True, kw_only=True, tag="chat_changed"):
    """Something changed in one of the owner's chats."""

    chat_id: str
    change: ChangeKind
    message_id: str | UnsetType = UNSET
    run_id: str | UnsetType = UNSET


class ServiceFrame(msgspec.Struct, frozen=True, tag="service"):
    """The body of ``/ready``, whenever it changes."""

    status: Literal["ok", "degraded", "down"]
    parts: Parts


class PongFrame(msgspec.Struct, frozen=True, tag="pong"):
    """Somebody is there."""


ServerFrame = HelloFrame | AckFrame | ErrorFrame | EventFrame | ChatChangedFrame | ServiceFrame | PongFrame


class EventFrames:
    """Makes the event frames of one run, or its server-sent events, without encoding anything twice."""

    __slots__ = ("_place",)

    def __init__(self, run_id: str, chat_id: str) -> None:
        place = msgspec.json.encode({"run_id": run_id, "chat_id": chat_id})
        self._place = place[1:-1]

    def frame(self, seq: int, event: bytes) -> bytes:
        """Return the JSON of an `EventFrame`."""
        return b'{"type":"event",%b,"seq":%d,"event":%b}' % (self._place, seq, event)

    def server_sent(self, seq: int, event: bytes) -> bytes:
        """Return one server-sent event, its ``id`` the place to come back to."""
        return b'id: %d\ndata: {%b,"seq":%d,"event":%b}\n\n' % (seq, self._place, seq, event)
