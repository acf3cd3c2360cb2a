"""Exports and imports of the engine: in portions, and as far as the store goes along."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from jupyter_aichat.domain.chat import Chat, ChatQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.ids import ChatId, MessageId, OwnerId, new_id
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.domain.retention import Outdated
from jupyter_aichat.engine.room import Room
from jupyter_aichat.engine.transfers import Transfers, Wish
from jupyter_aichat.errors import StoreUnavailable, TooManyChats
from jupyter_aichat.stores.sqlite import SqliteStore
from jupyter_aichat.transfer import own

ADA = OwnerId("ada")
LONG = 100_000


class Store(SqliteStore):
    """Goes away after so many chats, and remembers how many messages were asked for at once."""

    left = 10**9
    looks = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.limits: list[int] = []

    async def add_conversation(self, owner: OwnerId, conversation: Conversation) -> Chat:
        if self.left == 0:
            raise StoreUnavailable
        self.left -= 1
        return await super().add_conversation(owner, conversation)

    async def list_messages(self, owner, chat_id, cursor, limit):  # type: ignore[no-untyped-def]
        self.limits.append(limit)
        return await super().list_messages(owner, chat_id, cursor, limit)

    async def has_chats(self, owner: OwnerId, count: int) -> bool:
        self.looks += 1
        return await super().has_chats(owner, count)


async def opened(path: Path) -> Store:
    store = Store(path / "chats.sqlite3")
    await store.open()
    return store


def conversation(*lengths: int) -> Conversation:
    chat_id, messages = ChatId(new_id()), list[Message]()
    for n, length in enumerate(lengths, 1):
        parent, role = (messages[-1].id if messages else None), ("user" if n % 2 else "assistant")
        parts = (TextPart("x" * length),)
        messages.append(Message(MessageId(new_id()), chat_id, parent, role, parts, "completed", n, now()))  # type: ignore[arg-type]
    return Conversation(Chat(chat_id, "T", now(), now(), active_leaf=messages[-1].id), tuple(messages))


def file(*chats: Conversation) -> bytes:
    documents = [json.loads(own.whole(each.chat, iter(each.messages), now())) for each in chats]
    return json.dumps({**documents[0], "chats": [chat for each in documents for chat in each["chats"]]}).encode()


async def test_few_are_read_at_once_where_messages_are_long(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    chat = await store.add_conversation(ADA, conversation(*[5] * 40, *[LONG] * 10, *[5] * 30))
    transfers = Transfers(store, None, Room(store, 0), shared=False)
    _, pieces = await transfers.export(ADA, chat.id, Wish())
    found = json.loads(b"".join([piece async for piece in pieces]))
    lengths = [len(each["parts"][0]["text"]) for each in found["chats"][0]["messages"]]
    assert lengths == [5] * 40 + [LONG] * 10 + [5] * 30
    assert store.limits == [4, 32, 32, 4, 32]
    _, pieces = await transfers.export(ADA, chat.id, Wish("markdown"))
    assert b"".join([piece async for piece in pieces]).count(b"\n## ") == 80
    await store.close()


async def test_what_was_imported_before_the_store_went_away_is_told(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    transfers = Transfers(store, None, Room(store, 0), shared=False)
    store.left = 2
    outcome = await transfers.read(ADA, file(*(conversation(5, 5) for _ in range(4))))
    assert (outcome.imported, outcome.failed) == (2, 2)
    assert {each.code for each in outcome.failures} == {"store_unavailable"}
    with pytest.raises(StoreUnavailable):
        await transfers.read(ADA, file(conversation(5, 5)))
    await store.close()


async def test_an_old_chat_is_kept_from_its_import_on(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    old = conversation(5, 5)
    long_ago = now() - timedelta(days=400)
    chat = msgspec.structs.replace(old.chat, created_at=long_ago, updated_at=long_ago)
    before = now()
    await Transfers(store, None, Room(store, 0), shared=False).read(ADA, file(Conversation(chat, old.messages)))
    (imported,) = (await store.list_chats(ADA, ChatQuery())).items
    assert imported.updated_at < before - timedelta(days=399), "it stands in the list where it stood"
    assert await store.outdated_chats(ADA, Outdated(before)) == ()
    assert await store.outdated_chats(ADA, Outdated(now() + timedelta(days=1))) == (imported.id,)
    await store.close()


async def test_who_has_room_for_many_is_not_counted_each_time(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    time_s = 0.0
    room = Room(store, 1000, clock=lambda: time_s)
    for _ in range(50):
        await room.take(ADA)
    assert store.looks == 1
    await room.take(ADA)
    assert store.looks == 2
    time_s = 61.0
    await room.take(ADA)
    assert store.looks == 3
    await store.close()


async def test_near_the_bound_each_chat_is_counted(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    room = Room(store, 2)
    for _ in range(2):
        await room.take(ADA)
        await store.add_conversation(ADA, conversation(1, 1))
    for _ in range(2):
        with pytest.raises(TooManyChats, match="You have 2 chats"):
            await room.take(ADA)
    await room.take(OwnerId("eve"))
    await store.close()
