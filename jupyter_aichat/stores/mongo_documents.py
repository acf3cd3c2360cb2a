"""Documents and the values they hold.

Each is led by ``owner_id`` and carries our own ``id``. Times are dates of the database (milliseconds). What models and
errors bring in free form is kept as JSON text, since a document's keys and numbers have bounds that JSON has not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.run import ENDED, RunEnd, RunRecord, Segment
from jupyter_aichat.stores.mongo_base import Document, place
from jupyter_aichat.stores.rules import searchable


def builtins(value: object) -> Any:
    """Return a value as a document holds it."""
    return msgspec.to_builtins(value, builtin_types=(datetime,))


def chat_document(owner: OwnerId, chat: Chat) -> Document:
    """Return a new chat's document."""
    return {
        "_id": place(owner, chat.id),
        "owner_id": owner,
        **builtins(chat),
        "folded_title": searchable(chat.title),
        "counter": 0,
    }


def kept_chat_document(owner: OwnerId, chat: Chat, counter: int, came_at: datetime | None) -> Document:
    """Return the document of a chat that has messages already, and of when it came from elsewhere, if it did."""
    came = {} if came_at is None else {"came_at": came_at}
    return {**chat_document(owner, chat), "counter": counter, **came}


def chat_of(document: Document) -> Chat:
    """Return the chat of a document."""
    return msgspec.convert(document, Chat)


def message_document(owner: OwnerId, message: Message, depth: int) -> Document:
    """Return a new message's document; `depth` counts from its root, which has 1."""
    return {"_id": place(owner, message.id), "owner_id": owner, **message_fields(message), "depth": depth}


def message_fields(message: Message) -> Document:
    """Return what a document holds of a message."""
    fields = builtins(message)
    fields["parts"] = parts_fields(message.parts)
    fields["error"] = _bound_up(fields["error"], "details")
    return fields  # type: ignore[no-any-return]


def parts_fields(parts: Iterable[object]) -> list[Document]:
    """Return what a document holds of a message's parts."""
    return [_bound_up(builtins(part), "arguments") for part in parts]


def message_of(document: Document) -> Message:
    """Return the message of a document, as far as it has been folded."""
    parts = [_unbound(part, "arguments") for part in document["parts"]]
    return msgspec.convert({**document, "parts": parts, "error": _unbound(document["error"], "details")}, Message)


def record_document(record: RunRecord) -> Document:
    """Return a run's document: flat, so that what is looked for or changed on its own stands at the top."""
    run = builtins(record.run)
    run["error"] = _bound_up(run["error"], "details")
    return {
        "_id": place(record.owner_id, record.run.id), "owner_id": record.owner_id, **run, "active": record.run.state not in ENDED, "instance": record.instance,
        "epoch": record.epoch, "stop_requested": record.stop_requested, "generation": builtins(record.generation),
    }  # fmt: skip


def record_of(document: Document) -> RunRecord:
    """Return the run of a document."""
    run = {**document, "error": _unbound(document["error"], "details")}
    return msgspec.convert({**document, "run": run}, RunRecord)


def end_fields(end: RunEnd) -> Document:
    """Return what an end changes of a run's document."""
    return {
        "state": end.outcome, "active": False, "reason": end.reason, "usage": builtins(end.usage), "seq": end.seq,
        "error": _bound_up(builtins(end.error), "details"),
    }  # fmt: skip


def segment_document(segment: Segment) -> Document:
    """Return a segment's document."""
    fields = builtins(segment)
    fields["whole"] = _bound_up(fields["whole"], "arguments")
    return fields  # type: ignore[no-any-return]


def segment_of(document: Document) -> Segment:
    """Return the segment of a document."""
    return msgspec.convert({**document, "whole": _unbound(document["whole"], "arguments")}, Segment)


def _bound_up(fields: Document | None, name: str) -> Any:
    if fields is None or name not in fields:
        return fields
    return {**fields, name: msgspec.json.encode(fields[name]).decode()}


def _unbound(fields: Document | None, name: str) -> Any:
    if fields is None or name not in fields:
        return fields
    return {**fields, name: msgspec.json.decode(fields[name])}
