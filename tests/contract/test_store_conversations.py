"""A chat that comes with all its messages, and how many chats somebody has."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from jupyter_aichat.domain.chat import ChatChanges, ChatQuery
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.ids import ChatId, MessageId, new_id
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import TextPart, ThinkingPart, ToolCallPart
from jupyter_aichat.errors import InvalidRequest, NotFound
from jupyter_aichat.stores.base import Store
from tests.contract.store_turns import ADA, EVE, WHEN, chat_named, finish, turn


def conversation(count: int = 4) -> Conversation:
    """Questions and answers, and another answer to the first question at the end."""
    chat, messages = chat_named("Imported"), list[Message]()
    for n in range(1, count + 1):
        role, parent = ("user" if n % 2 else "assistant"), messages[-1].id if messages else None
        messages.append(message(chat.id, n, parent, role))
    messages.append(message(chat.id, count + 1, messages[0].id, "assistant"))
    return Conversation(msgspec.structs.replace(chat, active_leaf=messages[-2].id, pinned=True), tuple(messages))


def message(chat: ChatId, n: int, parent: MessageId | None, role: str) -> Message:
    parts = (
        (TextPart(f"{n}"),) if role == "user" else (ThinkingPart("hm"), ToolCallPart("t", "f", {"$set": {"a.b": 1}}))
    )
    return Message(MessageId(new_id()), chat, parent, role, parts, "completed", n, WHEN, model="m")  # type: ignore[arg-type]


async def test_it_is_there_as_if_it_had_been_written_here(store: Store, other: Store) -> None:
    new = conversation()
    assert await store.add_conversation(ADA, new) == new.chat
    assert await other.get_chat(ADA, new.chat.id) == new.chat
    assert (await other.list_messages(ADA, new.chat.id, None, 50)).items == new.messages
    branch = await other.path(ADA, new.chat.id, new.messages[3].id, None, 50)
    assert (branch.items, branch.length) == (tuple(reversed(new.messages[:4])), 4)


async def test_it_goes_on(store: Store) -> None:
    new = conversation()
    await store.add_conversation(ADA, new)
    committed = await store.commit(turn("send", new.chat.id))
    assert (committed.message.parent_id, committed.message.n, committed.reply.n) == (new.chat.active_leaf, 6, 7)
    await finish(store, committed)
    again = await store.commit(turn("regenerate", new.chat.id, target=new.messages[1].id))
    assert (again.reply.parent_id, again.reply.n) == (new.messages[0].id, 8)


async def test_nobody_else_has_it_and_it_can_be_deleted(store: Store) -> None:
    new = conversation()
    await store.add_conversation(ADA, new)
    with pytest.raises(NotFound):
        await store.get_chat(EVE, new.chat.id)
    await store.delete_chat(ADA, new.chat.id)
    with pytest.raises(NotFound):
        await store.list_messages(ADA, new.chat.id, None, 50)


@pytest.mark.parametrize("bad", ["NUL", "surrogate", "running"])
async def test_what_no_store_can_hold_leaves_nothing_behind(store: Store, bad: str) -> None:
    new = conversation()
    wrongs: dict[str, dict[str, Any]] = {
        "NUL": {"parts": (TextPart("a\0b"),)},
        "surrogate": {"parts": (TextPart("\ud800"),)},
        "running": {"status": "streaming"},
    }
    wrong = wrongs[bad]
    messages = (*new.messages[:-1], msgspec.structs.replace(new.messages[-1], **wrong))
    with pytest.raises(InvalidRequest):
        await store.add_conversation(ADA, Conversation(new.chat, messages))
    assert (await store.list_chats(ADA, ChatQuery())).items == ()


async def test_a_long_one_is_written_too(store: Store) -> None:
    new = conversation(500)
    await store.add_conversation(ADA, new)
    await store.change_chat(ADA, new.chat.id, ChatChanges(title="Long"))
    page = await store.list_messages(ADA, new.chat.id, None, 1000)
    assert [each.n for each in page.items] == list(range(1, 502))


async def test_how_many_chats_somebody_has_at_least(store: Store) -> None:
    for n in range(3):
        await store.create_chat(ADA, msgspec.structs.replace(chat_named(f"{n}"), archived=n == 1))
    assert [await store.has_chats(ADA, count) for count in range(5)] == [True, True, True, True, False]
    assert [await store.has_chats(EVE, count) for count in (0, 1)] == [True, False]
