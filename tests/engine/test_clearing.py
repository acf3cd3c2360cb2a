"""What is left of a large chat that was deleted goes by itself, whichever process deleted it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest

from jupyter_aichat.domain.ids import ChatId
from jupyter_aichat.engine import clearing
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores import sqlite_deleting
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.contract.test_store_conversations import conversation
from tests.engine.collect import OWNER, until
from tests.engine.conftest import MakeEngine
from tests.engine.faulty import FaultyStore

NEW = conversation(45)


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_deleting, "PORTION", 10)


async def until_clear(store: SqliteStore, chat: ChatId) -> None:
    async with asyncio.timeout(5):
        for message in NEW.messages:
            while True:
                try:
                    await store.get_message(OWNER, chat, message.id)
                except NotFound:
                    break
                await asyncio.sleep(0.01)


async def left_over(tmp_path: Path) -> SqliteStore:
    """A store in which somebody deleted a large chat and went away."""
    store = SqliteStore(tmp_path / "chats.sqlite3")
    await store.open()
    chat = await store.add_conversation(OWNER, NEW)
    await store.delete_chat(OWNER, chat.id)
    await store.get_message(OWNER, chat.id, NEW.messages[0].id)
    return store


def test_who_deletes_a_chat_clears_it(
    jp_asyncio_loop: asyncio.AbstractEventLoop, make_engine: MakeEngine, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "chats.sqlite3")
    engine = make_engine(store)

    async def deleted() -> None:
        chat = await store.add_conversation(OWNER, NEW)
        await engine.chats.delete(OWNER, chat.id)
        await until_clear(store, chat.id)

    jp_asyncio_loop.run_until_complete(deleted())


def test_who_starts_clears_what_another_left(
    jp_asyncio_loop: asyncio.AbstractEventLoop, make_engine: MakeEngine, tmp_path: Path
) -> None:
    store = jp_asyncio_loop.run_until_complete(left_over(tmp_path))
    make_engine()
    jp_asyncio_loop.run_until_complete(until_clear(store, NEW.chat.id))
    jp_asyncio_loop.run_until_complete(store.close())


def test_it_goes_on_when_the_store_was_away(
    jp_asyncio_loop: asyncio.AbstractEventLoop,
    make_engine: MakeEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clearing, "LOOK_S", 0.05)
    store = jp_asyncio_loop.run_until_complete(left_over(tmp_path))
    shaky = FaultyStore(tmp_path / "chats.sqlite3")
    shaky.away = {"clear"}
    make_engine(cast("Store", shaky))
    jp_asyncio_loop.run_until_complete(until(lambda: shaky.asked["clear"] > 1))
    shaky.away = set()
    jp_asyncio_loop.run_until_complete(until_clear(store, NEW.chat.id))
    jp_asyncio_loop.run_until_complete(store.close())
