"""How a send is committed, inside one transaction.

The chat's counter is raised first, so that of two sends to one chat one waits for the other. All else is written at once, its
key and its run before what may be there for other reasons, so that one that was committed before is found out. Where it is
refused because of what happened since, it has to be looked for too.
"""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.ids import MessageId, OwnerId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.run import Committed, Turn
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.mongo_base import Change, Document, Insert, Scope, Write, by_id, place
from jupyter_aichat.stores.mongo_documents import (
    chat_document,
    message_document,
    message_fields,
    message_of,
    record_document,
    record_of,
)
from jupyter_aichat.stores.mongo_messages import find_head, find_message, whole
from jupyter_aichat.stores.rules import check_fingerprint, check_parent, check_target, continued, searchable


async def known_turn(db: Scope, turn: Turn) -> Committed | None:
    """Return what the turn's key, or the turn itself, committed before, as it stands now."""
    owner = turn.record.owner_id
    if turn.key is None:
        return await _own(db, turn)
    known = await db.find_one("keys", by_id(owner, turn.key))
    if known is None:
        return None
    if known["deleted_at"] is not None:
        raise NotFound("The chat of this message was deleted.")
    check_fingerprint(known["fingerprint"], turn)
    run = await db.find_one("runs", by_id(owner, known["run_id"]))
    if run is None:
        raise NotFound("The chat of this message was deleted.")
    return await _as_it_stands(db, owner, run, bool(known["chat_created"]))


async def _own(db: Scope, turn: Turn) -> Committed | None:
    """What this very turn wrote, where its commit was not heard of."""
    run = await db.find_one("runs", by_id(turn.record.owner_id, turn.record.run.id))
    return None if run is None else await _as_it_stands(db, turn.record.owner_id, run, turn.create_chat)


async def _as_it_stands(db: Scope, owner: OwnerId, run: Document, chat_created: bool) -> Committed:
    """What was committed; of a large chat that was deleted some may be there for a while."""
    if await db.find_one("chats", by_id(owner, run["chat_id"]), {"id": 1}) is None:
        raise NotFound("The chat of this message was deleted.")
    reply = await find_message(db, owner, run["chat_id"], run["message_id"])
    question = await find_message(db, owner, run["chat_id"], reply["parent_id"])
    messages = await whole(db, owner, [question, reply])
    if len(messages) < 2:
        raise NotFound("The chat of this message was deleted.")
    return Committed(messages[0], messages[1], record_of(run), chat_created, replayed=True)


async def commit_turn(db: Scope, turn: Turn) -> tuple[Committed, int | None]:
    """Commit a turn; raises the driver's error for a duplicate where its key, or itself, was committed before.

    Return with it the depth of the question, None where a run goes on with an answer.
    """
    owner, fills = turn.record.owner_id, _fills(turn)
    run = msgspec.structs.replace(turn.record.run, message_id=fills, chat_id=turn.chat_id)
    record = msgspec.structs.replace(turn.record, run=run)
    writes: list[Write] = [Insert("runs", [record_document(record)])]
    if turn.key is not None:
        writes.insert(0, Insert("keys", [_key_document(owner, turn.key, turn)]))
    chat = _new_chat(owner, turn) if turn.create_chat else await _take_chat(db, owner, turn)
    writes += chat.writes
    add = _take_up if turn.mode == "continue" else _add
    added = await add(db, owner, turn, chat.before, chat.counter)
    await db.write([*writes, added.write])
    return Committed(added.question, added.reply, record, turn.create_chat), added.depth


def _fills(turn: Turn) -> MessageId:
    """The message that the turn's run will fill."""
    return turn.target if turn.mode == "continue" and turn.target is not None else turn.reply.id


def _key_document(owner: OwnerId, key: str, turn: Turn) -> Document:
    return {
        "_id": place(owner, key),
        "owner_id": owner, "key": key, "fingerprint": turn.fingerprint, "chat_id": turn.chat_id,
        "run_id": turn.record.run.id, "chat_created": turn.create_chat, "deleted_at": None,
    }  # fmt: skip


class _Chat(msgspec.Struct, frozen=True):
    """A turn's chat as it was, the counter from which the turn's messages count, and what is still to be written of it."""

    before: Document
    counter: int
    writes: tuple[Write, ...] = ()


def _added(turn: Turn) -> int:
    """How many messages a turn adds to its chat."""
    return {"send": 2, "edit": 2, "regenerate": 1, "continue": 0}[turn.mode]


def _new_chat(owner: OwnerId, turn: Turn) -> _Chat:
    at, options = turn.reply.created_at, turn.chat_options or Options()
    new = chat_document(owner, Chat(turn.chat_id, turn.title or "", at, at, model=turn.chat_model, options=options))
    return _Chat(new, 0, (Insert("chats", [{**new, "counter": _added(turn), "active_leaf": _fills(turn)}]),))


async def _take_chat(db: Scope, owner: OwnerId, turn: Turn) -> _Chat:
    """Take the chat for this transaction, its counter raised by all that the turn may need, its leaf moved."""
    fields = {"active_leaf": _fills(turn), **({"model": turn.chat_model} if turn.chat_model else {})}
    this = by_id(owner, turn.chat_id)
    change = {"$inc": {"counter": _added(turn)}, "$max": {"updated_at": turn.reply.created_at}, "$set": fields}
    before = await db.take("chats", this, change, before=True)
    if before is None:
        raise NotFound("There is no such chat.")
    if not turn.title or before["title"]:
        return _Chat(before, before["counter"])
    title = {"title": turn.title, "folded_title": searchable(turn.title)}
    return _Chat(before, before["counter"], (Change("chats", [(this, {"$set": title})]),))


class _Added(msgspec.Struct, frozen=True):
    """A turn's messages, the question's depth where that is new, and what is to be written of them."""

    question: Message
    reply: Message
    write: Write
    depth: int | None = None


async def _take_up(db: Scope, owner: OwnerId, turn: Turn, _: Document, __: int) -> _Added:
    """Continue: the run fills the target itself."""
    assert turn.target is not None
    target = message_of(await find_message(db, owner, turn.chat_id, turn.target))
    check_target(turn, target)
    reply = continued(target, turn)
    assert target.parent_id is not None
    question = message_of(await find_message(db, owner, turn.chat_id, target.parent_id))
    return _Added(question, reply, Change("messages", [(by_id(owner, reply.id), {"$set": message_fields(reply)})]))


async def _add(db: Scope, owner: OwnerId, turn: Turn, chat: Document, counter: int) -> _Added:
    """Send, edit, regenerate: new messages of the tree."""
    new = []
    if turn.mode == "regenerate":
        above = await _question_of(db, owner, turn)
        question, depth = message_of(above), above["depth"]
    else:
        assert turn.question is not None
        parent_id, depth = await _parent(db, owner, turn, chat)
        counter, depth = counter + 1, depth + 1
        question = msgspec.structs.replace(turn.question, chat_id=turn.chat_id, parent_id=parent_id, n=counter)
        new.append(message_document(owner, question, depth))
    reply = msgspec.structs.replace(
        turn.reply, chat_id=turn.chat_id, parent_id=question.id, n=counter + 1, run_id=turn.record.run.id
    )
    new.append(message_document(owner, reply, depth + 1))
    return _Added(question, reply, Insert("messages", new), depth)


async def _question_of(db: Scope, owner: OwnerId, turn: Turn) -> Document:
    assert turn.target is not None
    target = await find_head(db, owner, turn.chat_id, turn.target)
    check_target(turn, message_of(target))
    return await find_message(db, owner, turn.chat_id, target["parent_id"])


async def _parent(db: Scope, owner: OwnerId, turn: Turn, chat: Document) -> tuple[str | None, int]:
    """The new question's parent and that one's depth; 0 for none."""
    if turn.mode == "edit":
        assert turn.target is not None
        target = await find_head(db, owner, turn.chat_id, turn.target)
        check_target(turn, message_of(target))
        return target["parent_id"], target["depth"] - 1
    parent_id = chat["active_leaf"] if turn.parent_id is msgspec.UNSET else turn.parent_id
    if parent_id is None:
        return None, 0
    parent = await find_head(db, owner, turn.chat_id, parent_id)
    check_parent(message_of(parent))
    return parent["id"], parent["depth"]
