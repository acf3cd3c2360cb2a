"""A message: one node of a chat's tree."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.ids import ChatId, MessageId, RunId
from jupyter_aichat.domain.part import Part
from jupyter_aichat.domain.usage import Usage

Role = Literal["user", "assistant"]
Status = Literal["pending", "streaming", "completed", "stopped", "interrupted", "failed"]

RUNNING: frozenset[Status] = frozenset({"pending", "streaming"})


class Continuation(msgspec.Struct, frozen=True):
    """Where an answer was taken up again: in which part, at which character, when, and by whom."""

    part: int
    offset: int
    at: datetime
    cause: Literal["takeover", "user"]


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message as its owner sees it.

    ``n`` orders the messages of a chat. ``seq`` is the last event of the current run that ``parts`` contain.
    """

    id: MessageId
    chat_id: ChatId
    parent_id: MessageId | None
    role: Role
    parts: tuple[Part, ...]
    status: Status
    n: int
    created_at: datetime
    run_id: RunId | None = None
    seq: int = 0
    model: str | None = None
    digest: str | None = None
    usage: Usage | None = None
    error: Failure | None = None
    reason: str | None = None
    continuations: tuple[Continuation, ...] = ()

    @property
    def unfinished(self) -> bool:
        """Whether it is an answer that has ended with a rest to write: stopped, interrupted or cut by length."""
        return self.status in ("stopped", "interrupted") or (self.status == "completed" and self.reason == "length")
