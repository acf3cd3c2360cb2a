"""How a send is committed, inside one transaction."""

from __future__ import annotations

import sqlite3

import msgspec

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.ids import MessageId, OwnerId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.run import Committed, Turn
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.rules import check_fingerprint, check_parent, check_target, continued
from jupyter_aichat.stores.sqlite_rows import (
    find_message,
    get_chat,
    get_record,
    insert_message,
    put_chat,
    put_record,
    update_message,
    whole,
)


def commit_turn(db: sqlite3.Connection, turn: Turn) -> Committed:
    """Commit a turn, or return what its key committed before."""
    owner = turn.record.owner_id
    if (known := committed_turn(db, turn)) is not None:
        return known
    chat = _chat(db, owner, turn)
    if turn.mode == "continue":
        question, reply = _take_up(db, owner, turn)
    else:
        question, reply = _add(db, owner, turn, chat)
    record = msgspec.structs.replace(
        turn.record, run=msgspec.structs.replace(turn.record.run, message_id=reply.id, chat_id=chat.id)
    )
    put_record(db, record)
    put_chat(db, owner, _moved(chat, turn, reply))
    _remember(db, owner, turn, question, reply)
    return Committed(question, reply, record, turn.create_chat)


def committed_turn(db: sqlite3.Connection, turn: Turn) -> Committed | None:
    """Return what the turn's key committed before, or None."""
    owner = turn.record.owner_id
    if turn.key is None:
        return None
    row = db.execute(
        "SELECT fingerprint, chat_id, run_id, message_id, chat_created, deleted_ms FROM idempotency"
        " WHERE owner_id = ? AND key = ?",
        (owner, turn.key),
    ).fetchone()
    if row is None:
        return None
    fingerprint, chat_id, run_id, message_id, created, deleted_ms = row
    if deleted_ms is not None:
        raise NotFound("The chat of this message was deleted.")
    get_chat(db, owner, chat_id)  # of a large one that was deleted the rest may be there for a while
    check_fingerprint(fingerprint, turn)
    record = get_record(db, owner, run_id)
    question = find_message(db, owner, chat_id, message_id)[0]
    row = db.execute(
        "SELECT body FROM messages WHERE owner_id = ? AND id = ?", (owner, record.run.message_id)
    ).fetchone()
    return Committed(question, whole(db, owner, row[0]), record, bool(created), replayed=True)


def _remember(db: sqlite3.Connection, owner: OwnerId, turn: Turn, question: Message, reply: Message) -> None:
    if turn.key is not None:
        db.execute(
            "INSERT INTO idempotency (owner_id, key, fingerprint, chat_id, run_id, message_id, chat_created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (owner, turn.key, turn.fingerprint, reply.chat_id, turn.record.run.id, question.id, turn.create_chat),
        )


def _chat(db: sqlite3.Connection, owner: OwnerId, turn: Turn) -> Chat:
    if not turn.create_chat:
        return get_chat(db, owner, turn.chat_id)
    at = turn.reply.created_at
    chat = Chat(turn.chat_id, "", at, at, model=turn.chat_model, options=turn.chat_options or Options())
    put_chat(db, owner, chat)
    return chat


def _take_up(db: sqlite3.Connection, owner: OwnerId, turn: Turn) -> tuple[Message, Message]:
    """Continue: the run fills the target itself."""
    assert turn.target is not None
    target, _ = find_message(db, owner, turn.chat_id, turn.target)
    check_target(turn, target)
    reply = continued(target, turn)
    update_message(db, owner, reply)
    assert target.parent_id is not None
    return find_message(db, owner, turn.chat_id, target.parent_id)[0], reply


def _add(db: sqlite3.Connection, owner: OwnerId, turn: Turn, chat: Chat) -> tuple[Message, Message]:
    """Send, edit, regenerate: new messages of the tree."""
    if turn.mode == "regenerate":
        question, depth = _question_of(db, owner, turn)
    else:
        assert turn.question is not None
        parent_id, depth = _parent(db, owner, turn, chat)
        n = _next_n(db, owner, chat)
        question = msgspec.structs.replace(turn.question, chat_id=chat.id, parent_id=parent_id, n=n)
        depth += 1
        insert_message(db, owner, question, depth)
    reply = msgspec.structs.replace(
        turn.reply, chat_id=chat.id, parent_id=question.id, n=_next_n(db, owner, chat), run_id=turn.record.run.id
    )
    insert_message(db, owner, reply, depth + 1)
    return question, reply


def _question_of(db: sqlite3.Connection, owner: OwnerId, turn: Turn) -> tuple[Message, int]:
    assert turn.target is not None
    target, _ = find_message(db, owner, turn.chat_id, turn.target)
    check_target(turn, target)
    assert target.parent_id is not None
    return find_message(db, owner, turn.chat_id, target.parent_id)


def _parent(db: sqlite3.Connection, owner: OwnerId, turn: Turn, chat: Chat) -> tuple[MessageId | None, int]:
    """The new question's parent and that one's depth; 0 for none."""
    if turn.mode == "edit":
        assert turn.target is not None
        target, depth = find_message(db, owner, chat.id, turn.target)
        check_target(turn, target)
        return target.parent_id, depth - 1
    parent_id = chat.active_leaf if turn.parent_id is msgspec.UNSET else turn.parent_id
    if parent_id is None:
        return None, 0
    parent, depth = find_message(db, owner, chat.id, parent_id)
    check_parent(parent)
    return parent.id, depth


def _next_n(db: sqlite3.Connection, owner: OwnerId, chat: Chat) -> int:
    row = db.execute(
        "UPDATE chats SET counter = counter + 1 WHERE owner_id = ? AND id = ? RETURNING counter", (owner, chat.id)
    ).fetchone()
    return int(row[0])


def _moved(chat: Chat, turn: Turn, reply: Message) -> Chat:
    return msgspec.structs.replace(
        chat, active_leaf=reply.id, updated_at=max(chat.updated_at, turn.reply.created_at),
        title=chat.title or turn.title or "", model=turn.chat_model or chat.model,
    )  # fmt: skip
