"""What a page costs does not grow with the history behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

import pytest

from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.ids import ChatId, MessageId
from jupyter_aichat.stores.base import Store
from tests import mongo_server
from tests.contract.store_targets import TARGETS
from tests.contract.store_turns import ADA, answered, chat_named, finish, turn

LONG, SHORT = 5_000, 50
PAGE = 50


# SecantusDB is judged for what it answers, not for how fast: see test_store_mongo_scale.py.
JUDGED = sorted(TARGETS) if mongo_server.given_url() else ["sqlite"]
pytestmark = pytest.mark.parametrize("make_store", JUDGED, indirect=True)


async def fill(store: Store, turns: int) -> tuple[ChatId, MessageId]:
    """A chat of one branch of twice as many messages; return it and its leaf."""
    committed = await answered(store)
    for _ in range(turns - 1):
        sent = turn("send", committed.record.run.chat_id, parent=committed.reply.id)
        running = asyncio.ensure_future(store.commit(sent))
        committed = await running
        await finish(store, committed)
    return committed.record.run.chat_id, committed.reply.id


async def cost(look: Callable[[], Awaitable[object]]) -> float:
    """The median of some looks, in seconds."""
    took = []
    for _ in range(25):
        begun = time.perf_counter()
        await look()
        took.append(time.perf_counter() - begun)
    return median(took)


@pytest.mark.slow
async def test_a_page_of_10_000_messages_costs_what_one_of_100_does(store: Store) -> None:
    long, leaf = await fill(store, LONG)
    short, short_leaf = await fill(store, SHORT)
    middle = await middle_of(store, long)
    looks: list[tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[object]]]] = [
        (lambda: store.list_messages(ADA, long, None, PAGE), lambda: store.list_messages(ADA, short, None, PAGE)),
        (lambda: store.list_messages(ADA, long, middle, PAGE), lambda: store.list_messages(ADA, short, None, PAGE)),
        (lambda: store.path(ADA, long, leaf, None, PAGE), lambda: store.path(ADA, short, short_leaf, None, PAGE)),
        (lambda: store.get_chat(ADA, long), lambda: store.get_chat(ADA, short)),
    ]
    for far, near in looks:
        assert await cost(far) < 3 * await cost(near) + 0.001
    assert (await store.path(ADA, long, leaf, None, PAGE)).length == 2 * LONG


async def middle_of(store: Store, chat: ChatId) -> str:
    """A cursor that far into a chat."""
    cursor: str | None = None
    for _ in range(LONG // 1000):
        cursor = (await store.list_messages(ADA, chat, cursor, 1000)).next
    assert cursor is not None
    return cursor


async def test_the_first_page_of_chats_costs_the_same_with_2_000_behind_it(store: Store) -> None:
    for n in range(PAGE):
        await store.create_chat(ADA, chat_named(str(n)))
    few = await cost(lambda: store.list_chats(ADA, ChatQuery(limit=PAGE)))
    await asyncio.gather(*(store.create_chat(ADA, chat_named(str(n))) for n in range(2000)))
    assert await cost(lambda: store.list_chats(ADA, ChatQuery(limit=PAGE))) < 3 * few + 0.001
