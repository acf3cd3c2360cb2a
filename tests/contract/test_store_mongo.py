"""What is MongoDB's own: retries that meet themselves, sizes, odd keys, the schema, who has lapsed."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo import MongoClient

from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.ids import ChatId, new_id
from jupyter_aichat.domain.part import TextPart, ThinkingPart, ToolCallPart, text_of
from jupyter_aichat.domain.run import RunEnd, seq_of
from jupyter_aichat.errors import NotFound, NotReady, StoreUnavailable, TooLarge
from jupyter_aichat.stores import mongo_schema
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.mongo_driver import Driver
from jupyter_aichat.stores.mongo_instances import Watch
from tests.contract.store_targets import LAPSE_S, mongo_target, mongo_url
from tests.contract.store_turns import ADA, HERE, THERE, answered, begun, chat_named, finish, said, turn

MB = 1024 * 1024


# Retries


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_commit_whose_answer_was_lost_is_the_same_when_it_is_tried_again(
    mongo_store: MongoStore, key: str | None
) -> None:
    chat = await mongo_store.create_chat(ADA, chat_named())
    sent = turn("send", chat.id, key=key)
    first = await mongo_store.commit(sent)
    again = await mongo_store.commit(sent)
    assert again == msgspec.structs.replace(first, replayed=True)
    assert len((await mongo_store.list_messages(ADA, chat.id, None, 9)).items) == 2
    assert await mongo_store.create_chat(ADA, chat) == await mongo_store.get_chat(ADA, chat.id)


async def test_a_checkpoint_that_was_written_in_part_is_completed(mongo_store: MongoStore) -> None:
    committed, other = await begun(mongo_store), await begun(mongo_store)
    segments = [said(committed.record, n, str(n)) for n in range(2, 6)]
    await mongo_store.checkpoint(segments[:2])
    assert await mongo_store.checkpoint([*segments, said(other.record, 2, "other")]) == frozenset()
    assert (await mongo_store.progress(ADA, committed.record.run.id, 0)).segments == tuple(segments)
    reply = await mongo_store.get_message(ADA, other.reply.chat_id, other.reply.id)
    assert text_of(reply.parts) == "other"


async def test_more_runs_than_one_transaction_takes_are_all_written(mongo_store: MongoStore) -> None:
    records = [(await begun(mongo_store)).record for _ in range(130)]
    await mongo_store.claim(ADA, records[7].run.id, 1, THERE)
    segments = [said(record, n, str(n)) for n in (2, 3) for record in records]
    assert await mongo_store.checkpoint(segments) == frozenset({records[7].run.id})
    for record in (records[0], records[99], records[100], records[129]):
        assert len((await mongo_store.progress(ADA, record.run.id, 0)).segments) == 2


async def test_a_send_that_its_caller_gave_up_is_whole_or_not_there(mongo_store: MongoStore) -> None:
    chat = await mongo_store.create_chat(ADA, chat_named())
    for n in range(12):
        sent = turn("send", chat.id, parent=None)
        sending = asyncio.ensure_future(mongo_store.commit(sent))
        await asyncio.sleep(0.001 * n)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    await mongo_store.close()
    await mongo_store.open()
    messages = (await mongo_store.list_messages(ADA, chat.id, None, 100)).items
    active = await mongo_store.active_runs(ADA, chat.id)
    assert {message.run_id for message in messages if message.role == "assistant"} == {each.run.id for each in active}
    assert len(messages) == 2 * len(active)
    assert [message.n for message in messages] == list(range(1, len(messages) + 1))


# Sizes and odd values


async def test_an_answer_of_15_mb_is_kept_beside_others(mongo_store: MongoStore) -> None:
    small, large = await begun(mongo_store), await begun(mongo_store)
    await finish(mongo_store, large, "x" * 15 * MB)
    await finish(mongo_store, small, "small")
    reply = await mongo_store.get_message(ADA, large.reply.chat_id, large.reply.id)
    assert len(text_of(reply.parts)) == 15 * MB
    assert len((await mongo_store.list_chats(ADA, ChatQuery())).items) == 2


async def test_what_is_larger_than_a_document_is_refused_and_nothing_is_written(mongo_store: MongoStore) -> None:
    chat = await mongo_store.create_chat(ADA, chat_named())
    with pytest.raises(TooLarge):
        await mongo_store.commit(turn("send", chat.id, text="x" * 17 * MB))
    assert (await mongo_store.list_messages(ADA, chat.id, None, 9)).items == ()
    assert await mongo_store.get_chat(ADA, chat.id) == chat


@pytest.mark.parametrize("folded", [False, True])
async def test_an_answer_that_no_document_can_hold_ends_all_the_same(mongo_store: MongoStore, folded: bool) -> None:
    committed = await begun(mongo_store)
    run_id = committed.record.run.id
    piece = "👩🏽‍💻" * (MB // 4)
    for n in (2, 3, 4, 5, 6):
        await mongo_store.checkpoint([said(committed.record, n, piece)])
    parts = None if folded else (ThinkingPart("hm"), TextPart(piece * 5))
    end = RunEnd("completed", parts=parts, seq=seq_of(1, 9), known=committed.record)
    ended = await mongo_store.end_run(ADA, run_id, 1, end)
    assert ended is not None
    assert (ended.run.state, ended.run.reason) == ("stopped", "too_long")
    reply = await mongo_store.get_message(ADA, committed.reply.chat_id, committed.reply.id)
    assert (reply.status, reply.parts[0] == ThinkingPart("hm")) == ("stopped", not folded)
    assert (piece * 5).startswith(text_of(reply.parts))
    assert len(text_of(reply.parts).encode()) > 14 * MB
    assert (await mongo_store.progress(ADA, run_id, 0)).segments == ()


async def test_4_mib_of_checkpoints_fold_into_one_message(mongo_store: MongoStore) -> None:
    committed = await begun(mongo_store)
    for n in range(2, 18):
        await mongo_store.checkpoint([said(committed.record, n, chr(96 + n) * (MB // 4))])
    await mongo_store.end_run(ADA, committed.record.run.id, 1, RunEnd("stopped", "too_long", seq=seq_of(1, 30)))
    reply = await mongo_store.get_message(ADA, committed.reply.chat_id, committed.reply.id)
    assert text_of(reply.parts) == "".join(chr(96 + n) * (MB // 4) for n in range(2, 18))


async def test_what_a_tool_is_given_may_have_any_keys_and_numbers(mongo_store: MongoStore) -> None:
    committed = await begun(mongo_store)
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}
    part = ToolCallPart("c", "f", {"$set": {"a.b": 1}, "": None, "big": 2**64 - 1, "_id": 0.5, "deep": deep})
    await mongo_store.checkpoint([msgspec.structs.replace(said(committed.record, 2, ""), kind="tool_call", whole=part)])
    chat = committed.reply.chat_id
    assert (await mongo_store.get_message(ADA, chat, committed.reply.id)).parts == (part,)
    await mongo_store.end_run(ADA, committed.record.run.id, 1, RunEnd("completed", seq=seq_of(1, 3)))
    assert (await mongo_store.get_message(ADA, chat, committed.reply.id)).parts == (part,)


# Opening


@pytest.mark.parametrize(
    "url",
    ["mongodb://", "mongodb://ada:secret@", "mongodb://ada:secret@h:port/", "mongodb://h/?w=nonsense&tls=perhaps"],
)
async def test_a_url_that_means_nothing_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(NotReady, match="store_url") as refused:
        await MongoStore(url).open()
    assert "secret" not in str(refused.value)


async def test_a_server_without_transactions_is_refused_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def alone(self: Driver) -> dict[str, Any]:
        return {"isWritablePrimary": True, "maxWireVersion": 27}

    monkeypatch.setattr(Driver, "hello", alone)
    with pytest.raises(StoreUnavailable, match="--replSet"):
        await mongo_target(tmp_path).open()


async def test_a_store_that_is_not_open_says_so() -> None:
    store = MongoStore("mongodb://127.0.0.1:1")
    with pytest.raises(NotReady):
        await store.get_chat(ADA, ChatId("x"))
    with pytest.raises(NotReady):
        await store.lapsed(HERE)
    await store.close()


async def test_many_replicas_may_begin_with_an_empty_database_at_once(tmp_path: Path) -> None:
    stores = [mongo_target(tmp_path) for _ in range(8)]
    await asyncio.gather(*(store.open() for store in stores))
    chat = await stores[0].create_chat(ADA, chat_named())
    assert [await store.get_chat(ADA, chat.id) for store in stores] == [chat] * 8
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_step_that_old_replicas_can_work_with_leaves_them_at_work(
    mongo_store: MongoStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = await mongo_store.create_chat(ADA, chat_named())
    steps = mongo_schema.STEPS
    added = mongo_schema.Step(collections=("more",))
    monkeypatch.setattr(mongo_schema, "STEPS", (*steps, added))
    newer = [mongo_target(tmp_path) for _ in range(3)]
    await asyncio.gather(*(store.open() for store in newer))
    monkeypatch.setattr(mongo_schema, "STEPS", steps)
    older = mongo_target(tmp_path)
    await older.open()
    assert await older.get_chat(ADA, chat.id) == chat
    await asyncio.gather(*(store.close() for store in (*newer, older)))


async def test_a_step_that_old_replicas_cannot_work_with_keeps_them_out(
    mongo_store: MongoStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = mongo_schema.STEPS
    monkeypatch.setattr(mongo_schema, "STEPS", (*steps, mongo_schema.Step(usable_from=len(steps) + 1)))
    newer = mongo_target(tmp_path)
    await newer.open()
    await newer.close()
    monkeypatch.setattr(mongo_schema, "STEPS", steps)
    with pytest.raises(StoreUnavailable, match="upgrade"):
        await mongo_target(tmp_path).open()


async def test_a_tombstone_has_a_date_by_which_the_database_takes_it_away(mongo_store: MongoStore) -> None:
    begun_chat = await begun(mongo_store, key="k")
    await mongo_store.delete_chat(ADA, begun_chat.reply.chat_id)

    def keys() -> list[dict[str, Any]]:
        with MongoClient[dict[str, Any]](mongo_url()) as client:
            database = client[mongo_store.database]
            index = database["keys"].index_information()["deleted_at_1"]
            assert index["expireAfterSeconds"] == 24 * 3600
            found = list(database["keys"].find({"owner_id": ADA}))
            database["keys"].delete_many({"owner_id": ADA})
            return found

    (kept,) = await asyncio.to_thread(keys)
    assert kept["deleted_at"] is not None
    assert not (await mongo_store.commit(msgspec.structs.replace(
        turn("send", ChatId(new_id()), key="k"), create_chat=True
    ))).replayed  # fmt: skip


# Who has lapsed


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def look(watch: Watch, **beats: int) -> set[str]:
    return watch.look(watch.begin(), [{"_id": instance, "beat": beat} for instance, beat in beats.items()])


def test_the_same_beat_for_eight_seconds_is_a_lapse() -> None:
    clock = Clock()
    watch = Watch(8.0, clock)
    found = []
    for second in range(12):
        clock.now = 1000.0 + second
        found.append(look(watch, a=3, b=second))
    assert found == [set()] * 8 + [{"a"}] * 4


def test_a_failed_read_or_a_long_pause_of_the_reader_begins_the_watch_anew() -> None:
    clock = Clock()
    watch = Watch(8.0, clock)
    look(watch, a=3)
    clock.now += 5  # nobody looked for more than half the time
    assert look(watch, a=3) == set()
    clock.now += 3.9
    assert look(watch, a=3) == set()
    clock.now += 3.9
    watch.restart()
    assert look(watch, a=3) == set()
    for _ in range(2):
        clock.now += 3.9
        assert look(watch, a=3) == set()
    clock.now += 3.9
    assert look(watch, a=3) == {"a"}
    assert look(watch, a=4) == set()


def test_for_how_long_who_was_seen_alive_is_gone_says_no_wall_clock() -> None:
    clock = Clock()
    watch = Watch(8.0, clock)
    look(watch, a=3, b=7)
    clock.now += 1
    look(watch, a=4, b=7)
    for _ in range(5):
        clock.now += 2
        look(watch, a=4, b=7)
    assert (watch.gone_s("a"), watch.gone_s("b"), watch.gone_s("c")) == (10.0, None, None)
    watch.restart()
    look(watch, a=4)
    assert watch.gone_s("a") == 10.0
    look(watch)
    assert watch.gone_s("a") is None


async def test_a_jump_of_the_databases_clock_makes_nobody_long_gone(
    mongo_store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an hour, while the owner was dying."""
    await mongo_store.join(THERE)
    await mongo_store.lapsed(HERE)
    await mongo_store.beat(THERE)
    assert mongo_store._opened is not None
    hello = mongo_store._opened.hello

    async def an_hour_later() -> dict[str, Any]:
        answer = await hello()
        return {**answer, "localTime": answer["localTime"] + timedelta(hours=1)}

    monkeypatch.setattr(mongo_store._opened, "hello", an_hour_later)
    async with asyncio.timeout(10):
        while not (lapsed := await mongo_store.lapsed(HERE)):
            await asyncio.sleep(0.05)
    assert lapsed[0].gone_s is not None
    assert LAPSE_S <= lapsed[0].gone_s < 10


async def test_for_how_long_an_instance_is_gone_says_the_databases_clock(mongo_store: MongoStore) -> None:
    await mongo_store.join(THERE)
    async with asyncio.timeout(10):
        while not (lapsed := await mongo_store.lapsed(HERE)):
            await asyncio.sleep(0.05)
    (gone,) = lapsed
    assert gone.instance == THERE
    assert gone.gone_s is not None
    assert LAPSE_S <= gone.gone_s < 10
    await mongo_store.beat(THERE)
    assert await mongo_store.lapsed(HERE) == ()


async def test_who_holds_a_run_without_a_record_is_found_too(mongo_store: MongoStore) -> None:
    await mongo_store.join(HERE)
    run = (await begun(mongo_store)).record.run
    await mongo_store.claim(ADA, run.id, 1, THERE)
    assert [each.instance for each in await mongo_store.lapsed(HERE)] == [THERE]


async def test_one_hears_nothing_of_changes_here_since_the_bus_tells(mongo_store: MongoStore) -> None:
    assert await mongo_store.changes(None) == (0, ())
    await begun(mongo_store)
    assert await mongo_store.changes(0) == (0, ())


async def test_a_deleted_chats_message_is_gone_in_the_middle_of_reading(mongo_store: MongoStore) -> None:
    committed = await begun(mongo_store)
    chat, reply = committed.reply.chat_id, committed.reply.id
    reads = [mongo_store.get_message(ADA, chat, reply) for _ in range(8)]
    results = await asyncio.gather(*reads[:4], mongo_store.delete_chat(ADA, chat), *reads[4:], return_exceptions=True)
    for result in results:
        assert not isinstance(result, BaseException) or isinstance(result, NotFound)
    with pytest.raises(NotFound):
        await mongo_store.get_message(ADA, chat, reply)


async def test_what_people_write_is_not_in_the_drivers_log(
    mongo_store: MongoStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await answered(mongo_store, "canary-question", "canary-answer")
    await mongo_store.accounts.find_account("canary-name")
    assert "canary" not in caplog.text
