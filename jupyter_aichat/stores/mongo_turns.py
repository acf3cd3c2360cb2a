"""How a send is committed, inside one transaction.

Its key and its run come first, so that one that was committed before is found out whatever happened since. Then the
chat's counter is raised, so that of two sends to one chat one waits for the other.
"""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.ids import MessageId, OwnerId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.run import Committed, Turn
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.mongo_base import Document, Scope, by_id, place
from jupyter_aichat.stores.mongo_documents import (
    chat_document,
    message_document,
    message_fields,
    message_of,
    record_document,
    record_of,
)
from jupyter_aichat.stores.mongo_messages import Lines, find_head, find_message, whole
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


async def commit_turn(db: Scope, turn: Turn, lines: Lines) -> Committed:
    """Commit a turn, and note its question among the lines; raises the driver's error for a duplicate where its key, or itself, was committed before."""
    owner, fills = turn.record.owner_id, _fills(turn)
    run = msgspec.structs.replace(turn.record.run, message_id=fills, chat_id=turn.chat_id)
    record = msgspec.structs.replace(turn.record, run=run)
    if turn.key is not None:
        await db.insert("keys", [_key_document(owner, turn.key, turn)])
    await db.insert("runs", [record_document(record)])
    before, counter = await _chat(db, owner, turn)
    if turn.mode == "continue":
        question, reply = await _take_up(db, owner, turn)
    else:
        question, reply, depth = await _add(db, owner, turn, before, counter)
        lines.note(question, depth)
    return Committed(question, reply, record, turn.create_chat)


def _fills(turn: Turn) -> MessageId:
    """The message that the turn's run will fill."""
    return turn.target if turn.mode == "continue" and turn.target is not None else turn.reply.id


def _key_document(owner: OwnerId, key: str, turn: Turn) -> Document:
    return {
        "_id": place(owner, key),
        "owner_id": owner, "key": key, "fingerprint": turn.fingerprint, "chat_id": turn.chat_id,
        "run_id": turn.record.run.id, "chat_created": turn.create_chat, "deleted_at": None,
    }  # fmt: skip


async def _chat(db: Scope, owner: OwnerId, turn: Turn) -> tuple[Document, int]:
    """Take the chat for this transaction, its counter raised by all that the turn may need, its leaf moved.

    Return it as it was, and the counter from which the turn's messages count.
    """
    leaf, at = _fills(turn), turn.reply.created_at
    added = {"send": 2, "edit": 2, "regenerate": 1, "continue": 0}[turn.mode]
    if turn.create_chat:
        chat = Chat(
            turn.chat_id, turn.title or "", at, at, model=turn.chat_model, options=turn.chat_options or Options()
        )
        new = chat_document(owner, chat)
        await db.insert("chats", [{**new, "counter": added, "active_leaf": leaf}])
        return new, 0
    fields = {"active_leaf": leaf, **({"model": turn.chat_model} if turn.chat_model else {})}
    this = by_id(owner, turn.chat_id)
    change = {"$inc": {"counter": added}, "$max": {"updated_at": at}, "$set": fields}
    before = await db.take("chats", this, change, before=True)
    if before is None:
        raise NotFound("There is no such chat.")
    if turn.title and not before["title"]:
        await db.update("chats", this, {"$set": {"title": turn.title, "folded_title": searchable(turn.title)}})
    return before, before["counter"]


async def _take_up(db: Scope, owner: OwnerId, turn: Turn) -> tuple[Message, Message]:
    """Continue: the run fills the target itself."""
    assert turn.target is not None
    target = message_of(await find_message(db, owner, turn.chat_id, turn.target))
    check_target(turn, target)
    reply = continued(target, turn)
    await db.update("messages", by_id(owner, reply.id), {"$set": message_fields(reply)})
    assert target.parent_id is not None
    return message_of(await find_message(db, owner, turn.chat_id, target.parent_id)), reply


async def _add(db: Scope, owner: OwnerId, turn: Turn, chat: Document, counter: int) -> tuple[Message, Message, int]:
    """Send, edit, regenerate: new messages of the tree. Return them and the question's depth."""
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
    await db.insert("messages", [*new, message_document(owner, reply, depth + 1)])
    return question, reply, depth


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
