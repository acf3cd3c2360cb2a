"""A chat of 10,000 messages: a page costs a few questions and carries only what it shows, wherever it begins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pymongo import MongoClient

from jupyter_aichat.domain.ids import ChatId, MessageId, new_id
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.mongo_documents import message_document
from tests import mongo_server
from tests.contract.mongo_commands import RECORDER
from tests.contract.store_turns import ADA, WHEN, chat_named, finish, turn

Result = TypeVar("Result")

MANY, PAGE = 10_000, 50
DATABASE = "chats"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A database of the test's own: what is a lot for SecantusDB shall not slow other tests."""
    with mongo_server.running(tmp_path / "mongo") as server:
        yield server.url


@pytest.fixture
def mongo_store(jp_asyncio_loop: asyncio.AbstractEventLoop, url: str) -> Iterator[MongoStore]:
    store = MongoStore(url, database=DATABASE)
    jp_asyncio_loop.run_until_complete(store.open())
    yield store
    jp_asyncio_loop.run_until_complete(store.close())


def _messages(chat: ChatId, count: int) -> tuple[list[dict[str, Any]], MessageId]:
    """One branch of so many messages, as documents, and its leaf."""
    parent: MessageId | None = None
    documents = []
    for n in range(1, count + 1):
        role, text = ("user", f"q{n}") if n % 2 else ("assistant", f"a{n}")
        message = Message(MessageId(new_id()), chat, parent, role, (TextPart(text),), "completed", n=n, created_at=WHEN)  # type: ignore[arg-type]
        documents.append(message_document(ADA, message, depth=n))
        parent = message.id
    assert parent is not None
    return documents, parent


def _fill(url: str, chat: ChatId, count: int) -> MessageId:
    documents, leaf = _messages(chat, count)
    with MongoClient[dict[str, Any]](url) as client:
        for begin in range(0, count, 1000):
            client[DATABASE]["messages"].insert_many(documents[begin : begin + 1000])
        change = {"$set": {"active_leaf": leaf, "counter": count}}
        client[DATABASE]["chats"].update_one({"_id": f"{ADA}/{chat}"}, change)
    return leaf


async def asked(call: Awaitable[Result]) -> tuple[Result, int]:
    """What a call gives, and how many questions it took."""
    RECORDER.commands.clear()
    return await call, len(RECORDER.commands)


async def test_a_chat_of_10_000_messages_is_read_page_by_page(mongo_store: MongoStore, url: str) -> None:
    chat = (await mongo_store.create_chat(ADA, chat_named())).id
    leaf = await asyncio.to_thread(_fill, url, chat, MANY)
    cursor: str | None = None
    newest: list[str] = []
    for number in range(6):
        page, questions = await asked(mongo_store.path(ADA, chat, leaf, cursor, PAGE))
        assert (questions, page.length, len(page.items)) == (2, MANY - number * PAGE, PAGE)
        newest += [text_of(message.parts) for message in page.items]
        cursor = page.next
    assert newest == [f"{'q' if n % 2 else 'a'}{n}" for n in range(MANY, MANY - 6 * PAGE, -1)]

    much, questions = await asked(mongo_store.path(ADA, chat, leaf, cursor, 1000))
    assert (len(much.items), text_of(much.items[-1].parts)) == (1000, f"q{MANY - 6 * PAGE - 999}")
    assert questions <= 5  # ids and texts may come in more than one batch

    first, questions = await asked(mongo_store.list_messages(ADA, chat, None, PAGE))
    assert (questions, [message.n for message in first.items]) == (1, list(range(1, PAGE + 1)))
    second, questions = await asked(mongo_store.list_messages(ADA, chat, first.next, PAGE))
    assert (questions, [message.n for message in second.items]) == (1, list(range(PAGE + 1, 2 * PAGE + 1)))


async def test_the_context_of_a_question_is_one_question_as_long_as_the_chat_has_no_branches(
    mongo_store: MongoStore, url: str
) -> None:
    chat = (await mongo_store.create_chat(ADA, chat_named())).id
    leaf = await asyncio.to_thread(_fill, url, chat, 200)
    sent = await mongo_store.commit(turn("send", chat))
    page, questions = await asked(mongo_store.path(ADA, chat, sent.message.id, None, PAGE))
    assert (questions, page.length, len(page.items)) == (1, 201, PAGE)
    assert [message.id for message in page.items[:2]] == [sent.message.id, leaf]
    rest, questions = await asked(mongo_store.path(ADA, chat, leaf, page.next, PAGE))
    assert (questions, rest.length) == (2, 201 - PAGE)
    await finish(mongo_store, sent)
    edited = await mongo_store.commit(turn("edit", chat, target=sent.message.id))
    page, questions = await asked(mongo_store.path(ADA, chat, edited.message.id, None, PAGE))
    assert (questions, page.length) == (3, 201)
    assert [message.id for message in page.items[:2]] == [edited.message.id, leaf]
    await mongo_store.delete_chat(ADA, chat)
    for gone in (sent, edited):
        with pytest.raises(NotFound):
            await mongo_store.path(ADA, chat, gone.message.id, None, PAGE)


async def test_a_send_costs_the_same_behind_2_000_messages(mongo_store: MongoStore, url: str) -> None:
    long, short = [(await mongo_store.create_chat(ADA, chat_named())).id for _ in range(2)]
    await asyncio.to_thread(_fill, url, long, 2000)
    await finish(mongo_store, await mongo_store.commit(turn("send", short)))
    near, cost_near = await asked(mongo_store.commit(turn("send", short)))
    far, cost_far = await asked(mongo_store.commit(turn("send", long)))
    assert cost_near == cost_far
    assert (near.reply.n, far.reply.n) == (4, 2002)
    await finish(mongo_store, far)
    assert await mongo_store.delete_chat(ADA, long) == ()


async def test_many_branches_at_one_place_cost_ids_and_no_texts(mongo_store: MongoStore) -> None:
    chat = (await mongo_store.create_chat(ADA, chat_named())).id
    first = await mongo_store.commit(turn("send", chat))
    await finish(mongo_store, first)
    leaf = first.reply.id
    for _ in range(30):
        again = await mongo_store.commit(turn("regenerate", chat, target=leaf))
        await finish(mongo_store, again, "x" * 10_000)
        leaf = again.reply.id
    page, questions = await asked(mongo_store.path(ADA, chat, leaf, None, PAGE))
    assert (questions, len(page.items)) == (3, 2)
    skeleton, texts = RECORDER.about("messages")[1:]
    assert skeleton["projection"] == {"_id": 0, "id": 1, "parent_id": 1}
    assert texts["filter"]["_id"] == {"$in": [f"{ADA}/{first.message.id}"]}
