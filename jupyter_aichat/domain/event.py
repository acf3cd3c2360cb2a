"""The steps of a run, in the order in which readers see them."""

from __future__ import annotations

from typing import Literal

import msgspec

from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.run import Outcome
from jupyter_aichat.domain.usage import Usage


class RunStarted(msgspec.Struct, frozen=True, gc=False, tag="run_started"):
    """A worker has claimed the run and asks the provider; until the first text the model may be loading."""


class QueuePosition(msgspec.Struct, frozen=True, tag="queue_position"):
    """The run waits: ``position`` in line (1 is next), expected ``wait`` in seconds.

    ``cause`` is there where it waits for something else than its turn: no process that asks the models is there.
    """

    position: int
    wait: float | None = None
    cause: Literal["no_worker"] | None = None


class TextDelta(msgspec.Struct, frozen=True, gc=False, tag="text_delta"):
    """More text of the last part, or the beginning of a new text part."""

    text: str


class ThinkingDelta(msgspec.Struct, frozen=True, gc=False, tag="thinking_delta"):
    """More thinking, or the beginning of a new thinking part."""

    text: str


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """The model asks for a tool."""

    id: str
    name: str
    arguments: dict[str, object]


class Context(msgspec.Struct, frozen=True, gc=False, tag="context"):
    """What of the history the model was given.

    ``sent`` and ``left_out`` count messages; ``budget`` is the room for the prompt and ``tokens`` our estimate of
    what was sent, both in tokens. ``cut`` says that the provider read clearly less than we sent.
    """

    sent: int
    left_out: int
    budget: int
    tokens: int
    cut: bool = False


class UsageEvent(msgspec.Struct, frozen=True, tag="usage"):
    """Counts and durations, when the provider has told them."""

    usage: Usage


class Snapshot(msgspec.Struct, frozen=True, tag="snapshot"):
    """The whole message so far: replaces what a reader has of it."""

    message: Message


class RunFinished(msgspec.Struct, frozen=True, tag="run_finished"):
    """The end, once."""

    state: Outcome
    reason: str | None = None
    error: Failure | None = None
    usage: Usage | None = None


Event = (
    RunStarted | QueuePosition | TextDelta | ThinkingDelta | ToolCall | Context | UsageEvent | Snapshot | RunFinished
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """Return an event's JSON, as it stands in logs and frames."""
    return _encoder.encode(event)


def decode_event(data: bytes) -> Event:
    """Return the event of its JSON; raises `msgspec.DecodeError`."""
    return _decoder.decode(data)
