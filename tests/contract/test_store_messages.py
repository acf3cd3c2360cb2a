"""What every store keeps of messages: pages, branches, texts."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from jupyter_aichat.domain.chat import ChatChanges
from jupyter_aichat.domain.ids import ChatId, MessageId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import TextPart, ThinkingPart, ToolCallPart, text_of
from jupyter_aichat.domain.run import Committed, RunEnd, seq_of
from jupyter_aichat.errors import InvalidRequest, NotFound
from jupyter_aichat.stores.base import Store
from tests.contract.store_turns import ADA, EVE, answered, begun, chat_named, finish, said, turn

TEXTS = [
    pytest.param("e\u0301 \u0928\u093f\u092e\u094d\u0939 Z\u0351\u036b\u0343", id="combining marks"),
    pytest.param("שלום \u202eabc\u202c عليكم \u200f", id="right to left"),
    pytest.param("👩🏽‍💻 🏳️‍🌈 🇸🇳 1️⃣", id="emoji"),
    pytest.param("\U0001d11e \U0010ffff \ufdd0 \ufffe", id="astral and noncharacters"),
    pytest.param("\x01\x1b[31m\x7f\u0085\u2028\r\n\t", id="controls"),
    pytest.param("'; DROP TABLE messages; -- \" \\ %s ? :x", id="quotes"),
    pytest.param("line\n" * 100_000, id="many lines"),
    pytest.param("x" * 2_000_000, id="2 MB in one line"),
]


async def conversation(store: Store, turns: int) -> list[Committed]:
    """One branch: `turns` questions, all answered."""
    first = await answered(store, "q0", "a0")
    sent = [first]
    for n in range(1, turns):
        committed = await store.commit(turn("send", first.record.run.chat_id, text=f"q{n}"))
        await finish(store, committed, f"a{n}")
        sent.append(committed)
    return sent


def words(messages: tuple[Message, ...]) -> list[str]:
    return [text_of(message.parts) for message in messages]


@pytest.mark.parametrize("limit", [1, 2, 5, 8, 100])
async def test_pages_hold_each_message_once_in_creation_order(store: Store, limit: int) -> None:
    sent = await conversation(store, 4)
    chat, cursor, found = sent[0].record.run.chat_id, None, list[Message]()
    while True:
        page = await store.list_messages(ADA, chat, cursor, limit)
        assert len(page.items) == limit or page.next is None
        found += page.items
        if (cursor := page.next) is None:
            break
    assert words(tuple(found)) == ["q0", "a0", "q1", "a1", "q2", "a2", "q3", "a3"]
    numbers = [message.n for message in found]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("limit", [1, 2, 5, 8, 100])
async def test_a_branch_is_read_from_its_leaf_to_its_root(store: Store, limit: int) -> None:
    sent = await conversation(store, 4)
    await store.commit(turn("regenerate", sent[0].record.run.chat_id, target=sent[1].reply.id))
    chat, cursor, found, left = sent[0].record.run.chat_id, None, list[Message](), 8
    while True:
        page = await store.path(ADA, chat, sent[-1].reply.id, cursor, limit)
        assert page.length == left
        found += page.items
        left -= len(page.items)
        if (cursor := page.next) is None:
            break
    assert left == 0
    assert words(tuple(found)) == ["a3", "q3", "a2", "q2", "a1", "q1", "a0", "q0"]
    inner = await store.path(ADA, chat, sent[1].message.id, None, 100)
    assert (words(inner.items), inner.length, inner.next) == (["q1", "a0", "q0"], 3, None)


async def test_branches_keep_apart(store: Store) -> None:
    first = await answered(store, "q", "a")
    chat = first.record.run.chat_id
    edited = await store.commit(turn("edit", chat, text="q'", target=first.message.id))
    await finish(store, edited, "a'")
    again = await store.commit(turn("regenerate", chat, target=first.reply.id))
    await finish(store, again, "a''")
    for leaf, expected in ((first.reply, ["a", "q"]), (edited.reply, ["a'", "q'"]), (again.reply, ["a''", "q"])):
        assert words((await store.path(ADA, chat, leaf.id, None, 9)).items) == expected
    assert words((await store.list_messages(ADA, chat, None, 9)).items) == ["q", "a", "q'", "a'", "a''"]


async def test_messages_of_another_owner_or_chat_are_like_none(store: Store) -> None:
    one, two = await answered(store), await answered(store)
    chat, reply = one.record.run.chat_id, one.reply.id
    for attempt in (
        store.get_message(EVE, chat, reply),
        store.get_message(ADA, two.record.run.chat_id, reply),
        store.get_message(ADA, chat, MessageId("unknown")),
        store.list_messages(EVE, chat, None, 9),
        store.list_messages(ADA, ChatId("unknown"), None, 9),
        store.path(EVE, chat, reply, None, 9),
        store.path(ADA, two.record.run.chat_id, reply, None, 9),
        store.path(ADA, chat, MessageId("unknown"), None, 9),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_a_cursor_of_one_branch_shows_nothing_of_another_chat(store: Store) -> None:
    one, two = await conversation(store, 2), await conversation(store, 2)
    page = await store.path(ADA, one[0].record.run.chat_id, one[1].reply.id, None, 1)
    with pytest.raises(NotFound):
        await store.path(ADA, two[0].record.run.chat_id, two[1].reply.id, page.next, 1)


async def test_an_empty_chat_has_no_messages(store: Store) -> None:
    chat = await store.create_chat(ADA, chat_named("empty"))
    page = await store.list_messages(ADA, chat.id, None, 9)
    assert (page.items, page.next) == ((), None)


@pytest.mark.parametrize("text", TEXTS)
async def test_text_comes_back_as_it_went(store: Store, text: str) -> None:
    committed = await begun(store, text)
    await store.checkpoint([said(committed.record, 3, text), said(committed.record, 4, text)])
    chat = committed.record.run.chat_id
    page = await store.list_messages(ADA, chat, None, 9)
    assert words(page.items) == [text, text * 2]
    await finish(store, committed, text)
    assert words((await store.list_messages(ADA, chat, None, 9)).items) == [text, text]
    assert (await store.get_chat(ADA, chat)).title == text


@pytest.mark.parametrize("bad", ["\ud800", "a\udfff", "\0", "a\0b"])
async def test_what_is_no_text_is_refused_and_nothing_is_written(store: Store, bad: str) -> None:
    committed = await answered(store)
    chat = committed.record.run.chat_id
    with pytest.raises(InvalidRequest):
        await store.commit(turn("send", chat, text=bad))
    with pytest.raises(InvalidRequest):
        await store.commit(turn("send", chat, key=bad))
    with pytest.raises(InvalidRequest):
        await store.create_chat(ADA, chat_named(bad))
    with pytest.raises(InvalidRequest):
        await store.change_chat(ADA, chat, ChatChanges(title=bad))
    assert len((await store.list_messages(ADA, chat, None, 9)).items) == 2
    assert (await store.get_chat(ADA, chat)).title == "hi"


@pytest.mark.parametrize("bad", ["\ud800", "a\udfff"])
async def test_one_runs_bad_text_costs_no_other_run_its_checkpoint(store: Store, bad: str) -> None:
    one, two = await begun(store), await begun(store)
    results = await asyncio.gather(
        store.checkpoint([said(one.record, 3, bad)]), store.checkpoint([said(two.record, 3, "good")]),
        return_exceptions=True,
    )  # fmt: skip
    assert isinstance(results[0], InvalidRequest)
    assert results[1] == frozenset()
    assert text_of((await store.get_message(ADA, two.record.run.chat_id, two.reply.id)).parts) == "good"


@pytest.mark.parametrize("bad", ["\ud800", "x" * 10_000])
async def test_a_strange_id_finds_nothing(store: Store, bad: str) -> None:
    with pytest.raises((NotFound, InvalidRequest)):
        await store.get_chat(ADA, ChatId(bad))
    with pytest.raises((NotFound, InvalidRequest)):
        await store.get_message(ADA, ChatId(bad), MessageId(bad))
    with pytest.raises((NotFound, InvalidRequest)):
        await store.delete_chat(ADA, ChatId(bad))


async def test_parts_of_all_kinds_are_kept(store: Store) -> None:
    committed = await begun(store)
    record = committed.record
    parts = (
        ThinkingPart("hm"),
        TextPart("a"),
        ToolCallPart("c", "f", {"x": [1, None, {"é": 1.5}]}),
        TextPart(""),
        TextPart("b"),
    )
    await store.end_run(ADA, record.run.id, 1, RunEnd("completed", "stop", parts=parts, seq=seq_of(1, 3)))
    assert (await store.get_message(ADA, record.run.chat_id, committed.reply.id)).parts == parts


async def test_a_message_is_never_seen_half_ended(store: Store) -> None:
    """The text of a running message stands elsewhere than that of an ended one; no reader falls between."""
    for _ in range(60):
        committed = await begun(store)
        record, chat = committed.record, committed.record.run.chat_id
        await store.checkpoint([said(record, 3, "kept")])
        end = store.end_run(ADA, record.run.id, 1, RunEnd("interrupted", seq=seq_of(1, 9)))
        looks = [store.get_message(ADA, chat, committed.reply.id) for _ in range(6)]
        _, *seen = await asyncio.gather(end, *looks)
        for message in seen:
            assert isinstance(message, Message)
            assert (message.status, text_of(message.parts)) in (("streaming", "kept"), ("interrupted", "kept"))


async def test_a_running_message_grows_with_its_checkpoints(store: Store, other: Store) -> None:
    committed = await begun(store)
    record, chat = committed.record, committed.record.run.chat_id
    before = await store.get_message(ADA, chat, committed.reply.id)
    assert (before.status, before.parts, before.seq) == ("pending", (), 0)
    await store.checkpoint([said(record, 3, "a"), said(record, 5, "b")])
    await store.checkpoint([said(record, 6, "th", part=1, kind="thinking"), said(record, 8, "c", part=2)])
    expected = msgspec.structs.replace(
        before, status="streaming", seq=seq_of(1, 8), parts=(TextPart("ab"), ThinkingPart("th"), TextPart("c"))
    )
    for look in (store, other):
        assert await look.get_message(ADA, chat, committed.reply.id) == expected
        assert (await look.list_messages(ADA, chat, None, 9)).items[1] == expected
        assert (await look.path(ADA, chat, committed.reply.id, None, 9)).items[0] == expected
