"""What the engine asks of a store, put together for tests: turns, checkpoints, ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.ids import ChatId, InstanceId, MessageId, OwnerId, RunId, new_id
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.domain.run import Committed, Generation, Outcome, Run, RunEnd, RunRecord, Segment, Turn, seq_of
from jupyter_aichat.stores.base import Store

ADA, EVE = OwnerId("ada"), OwnerId("eve")
HERE, THERE = InstanceId("here"), InstanceId("there")
WHEN = datetime(2026, 11, 24, 12, tzinfo=UTC)

Mode = Literal["send", "edit", "regenerate", "continue"]


def chat_named(title: str = "", at: datetime = WHEN, chat_id: str | None = None) -> Chat:
    return Chat(ChatId(chat_id or new_id()), title, at, at)


def turn(
    mode: Mode,
    chat: ChatId,
    *,
    owner: OwnerId = ADA,
    text: str = "hi",
    parent: MessageId | None | UnsetType = UNSET,
    target: MessageId | None = None,
    key: str | None = None,
    instance: InstanceId | None = HERE,
    epoch: int = 1,
) -> Turn:
    """A turn as the engine makes it; `text` is the question of a send or an edit."""
    run_id = RunId(new_id())
    reply = Message(MessageId(new_id()), chat, None, "assistant", (), "pending", n=0, created_at=WHEN, run_id=run_id)
    question = Message(MessageId(new_id()), chat, None, "user", (TextPart(text),), "completed", n=0, created_at=WHEN)
    run = Run(run_id, chat, reply.id if mode != "continue" or target is None else target, "loading")
    return Turn(
        mode=mode,
        chat_id=chat,
        record=RunRecord(run, owner, Generation("fake", "m"), instance, epoch),
        reply=reply,
        question=question if mode in ("send", "edit") else None,
        target=target,
        parent_id=parent,
        key=key,
        fingerprint=f"{mode}:{chat}:{target}:{text}",
    )


async def begun(store: Store, text: str = "hi", owner: OwnerId = ADA, key: str | None = None) -> Committed:
    """Begin a chat with its first question."""
    first = turn("send", ChatId(new_id()), owner=owner, text=text, key=key)
    return await store.commit(msgspec.structs.replace(first, create_chat=True, title=text))


async def answered(store: Store, text: str = "hi", answer: str = "yes", outcome: Outcome = "completed") -> Committed:
    """Begin a chat whose first question is answered."""
    committed = await begun(store, text)
    await finish(store, committed, answer, outcome)
    return committed


async def finish(
    store: Store, committed: Committed, answer: str = "yes", outcome: Outcome = "completed", reason: str | None = "stop"
) -> RunRecord | None:
    """End a run with its answer, as the process does that generates it."""
    record = committed.record
    end = RunEnd(outcome, reason, parts=(TextPart(answer),), seq=seq_of(record.epoch, 9), known=record)
    return await store.end_run(record.owner_id, record.run.id, record.epoch, end)


def said(record: RunRecord, n: int, text: str, *, part: int = 0, kind: Literal["text", "thinking"] = "text") -> Segment:
    """A checkpoint whose last event is number `n`."""
    seq = seq_of(record.epoch, n)
    return Segment(record.owner_id, record.run.id, record.run.message_id, record.epoch, seq, part, kind, text)
