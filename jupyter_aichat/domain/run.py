"""A run: one generation that fills one assistant message."""

from __future__ import annotations

from typing import Literal

import msgspec

from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.ids import ChatId, InstanceId, MessageId, OwnerId, RunId
from jupyter_aichat.domain.message import Continuation, Message
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import Part
from jupyter_aichat.domain.usage import Charge, Usage

Outcome = Literal["completed", "stopped", "interrupted", "failed"]
State = Literal["queued", "loading", "streaming", "completed", "stopped", "interrupted", "failed"]

ENDED: frozenset[str] = frozenset({"completed", "stopped", "interrupted", "failed"})

EPOCH_BITS = 32
NOBODYS_EPOCH = 0
"""That of a run which is committed and waits for whoever claims it."""
FIRST_EPOCH = 1


def seq_of(epoch: int, n: int) -> int:
    """Return the number of event `n` (dense from 1) in an `epoch` (from 1)."""
    return (epoch << EPOCH_BITS) + n


def epoch_of(seq: int) -> int:
    """Return the epoch of an event by its number."""
    return seq >> EPOCH_BITS


class Run(msgspec.Struct, frozen=True, gc=False):
    """A run as its owner sees it."""

    id: RunId
    chat_id: ChatId
    message_id: MessageId
    state: State
    reason: str | None = None
    error: Failure | None = None
    seq: int = 0
    usage: Usage | None = None

    @property
    def ended(self) -> bool:
        """Whether the run is in one of its four ends."""
        return self.state in ENDED


class Generation(msgspec.Struct, frozen=True, gc=False):
    """What a run asks of a provider; kept with it, so that another process could go on with it."""

    provider: str
    model: str
    options: Options = Options()
    prefill: bool = False
    fresh: bool = False
    """Another answer is wanted: one that was given before is none."""
    traceparent: str | None = None
    """The span that asked for it, so that what another process does is told in the same trace; None where nothing is traced."""


class RunRecord(msgspec.Struct, frozen=True, gc=False):
    """A run as stores keep it: who owns it, who generates it and since which epoch.

    ``instance`` None means queued and unowned. Every write of a run is conditional on ``(id, epoch)``.
    """

    run: Run
    owner_id: OwnerId
    generation: Generation
    instance: InstanceId | None = None
    epoch: int = 0
    stop_requested: bool = False


def queued(record: RunRecord) -> RunRecord:
    """Return a run as one that waits for its turn."""
    return msgspec.structs.replace(record, run=msgspec.structs.replace(record.run, state="queued"))


class Segment(msgspec.Struct, frozen=True, gc=False):
    """A checkpoint: text that a run added to its message since the one before.

    ``part`` is the index and ``kind`` the type of the part that the text belongs to; ``seq`` the last event
    in it. Parts that are no text (tool calls) come whole in ``whole``.
    """

    owner_id: OwnerId
    run_id: RunId
    message_id: MessageId
    epoch: int
    seq: int
    part: int
    kind: Literal["text", "thinking", "tool_call"]
    text: str
    whole: Part | None = None


class RunEnd(msgspec.Struct, frozen=True):
    """How a run ended, and the message as it then stands; ``charge`` is what it adds to what its owner used.

    ``known`` is the run as its owner knows it: where it still is so, a store need not look at it first.
    """

    outcome: Outcome
    reason: str | None = None
    error: Failure | None = None
    usage: Usage | None = None
    parts: tuple[Part, ...] | None = None
    seq: int = 0
    digest: str | None = None
    charge: Charge | None = None
    known: RunRecord | None = None


class TakeUp(msgspec.Struct, frozen=True):
    """What a claimed run goes on from: the message's parts, ``seq`` the last event in them, and where it was taken up."""

    parts: tuple[Part, ...]
    seq: int
    mark: Continuation | None = None


class Turn(msgspec.Struct, frozen=True):
    """One send, as a store commits it: the question (if new), the reply that waits to be filled, and the run.

    ``create_chat`` begins the chat in the same transaction. ``parent_id`` UNSET means the chat's active leaf,
    read in the transaction. For ``mode``: "send" adds question and reply; "edit" adds a sibling of the question
    ``target`` and its reply; "regenerate" adds a sibling of the reply ``target``; "continue" starts the run on
    the reply ``target`` itself.
    """

    mode: Literal["send", "edit", "regenerate", "continue"]
    chat_id: ChatId
    record: RunRecord
    reply: Message
    question: Message | None = None
    target: MessageId | None = None
    parent_id: MessageId | None | msgspec.UnsetType = msgspec.UNSET
    title: str | None = None
    create_chat: bool = False
    chat_model: str | None = None
    chat_options: Options | None = None
    key: str | None = None
    fingerprint: str = ""


class Committed(msgspec.Struct, frozen=True):
    """What a send wrote, or, where its key was known, what the first one wrote, as it stands now."""

    message: Message
    reply: Message
    record: RunRecord
    chat_created: bool = False
    replayed: bool = False
