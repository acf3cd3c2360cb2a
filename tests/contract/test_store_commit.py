"""What every store does with a send: all of it in one transaction, or nothing and the right refusal."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

import msgspec
import pytest

from jupyter_aichat.domain.chat import ChatChanges, ChatQuery
from jupyter_aichat.domain.ids import ChatId, MessageId, OwnerId, RunId, new_id
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.domain.run import Committed, Outcome, RunEnd, Turn, seq_of
from jupyter_aichat.errors import (
    AIChatError,
    CannotContinue,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    RunActive,
)
from jupyter_aichat.stores.base import Store
from tests.contract.store_turns import ADA, EVE, HERE, WHEN, Mode, answered, begun, chat_named, finish, said, turn

NEVER_WRITTEN = [NotFound, RunActive, InvalidRequest, CannotContinue, IdempotencyConflict]


async def contents(store: Store, chat: ChatId) -> tuple[object, ...]:
    """All that a refused send must leave as it was."""
    page = await store.list_messages(ADA, chat, None, 100)
    return await store.get_chat(ADA, chat), page.items, await store.active_runs(ADA, chat)


async def refused(store: Store, attempt: Turn, error: type[AIChatError]) -> AIChatError:
    """Commit what must be refused, and nothing of it written."""
    before = await contents(store, attempt.chat_id)
    with pytest.raises(error) as caught:
        await store.commit(attempt)
    assert type(caught.value) is error
    assert await contents(store, attempt.chat_id) == before
    with pytest.raises(NotFound):
        await store.get_run(ADA, attempt.record.run.id)
    return caught.value


async def test_a_send_writes_question_reply_run_and_leaf(store: Store, other: Store) -> None:
    chat = await store.create_chat(ADA, chat_named())
    sent = msgspec.structs.replace(turn("send", chat.id, text="Why?"), title="Why", chat_model="m")
    committed = await store.commit(sent)
    question, reply, record = committed.message, committed.reply, committed.record
    assert (question.role, question.parent_id, text_of(question.parts), question.status) == (
        "user",
        None,
        "Why?",
        "completed",
    )
    assert (reply.role, reply.parent_id, reply.parts, reply.status) == ("assistant", question.id, (), "pending")
    assert (reply.run_id, record.run.message_id, record.run.chat_id) == (record.run.id, reply.id, chat.id)
    assert (record.owner_id, record.instance, record.epoch, record.run.state) == (ADA, HERE, 1, "loading")
    assert reply.n > question.n > 0
    assert (committed.chat_created, committed.replayed) == (False, False)
    for look in (store, other):
        assert await look.get_run(ADA, record.run.id) == record
        assert (await look.list_messages(ADA, chat.id, None, 9)).items == (question, reply)
        now = await look.get_chat(ADA, chat.id)
        assert (now.active_leaf, now.title, now.model) == (reply.id, "Why", "m")
        assert await look.active_runs(ADA, chat.id) == (record,)


async def test_a_send_may_begin_its_chat(store: Store) -> None:
    chat_id = ChatId(new_id())
    sent = msgspec.structs.replace(
        turn("send", chat_id), create_chat=True, title="T", chat_model="m", chat_options=Options(seed=3)
    )
    committed = await store.commit(sent)
    chat = await store.get_chat(ADA, chat_id)
    assert committed.chat_created
    assert (chat.title, chat.model, chat.options, chat.active_leaf) == ("T", "m", Options(seed=3), committed.reply.id)


async def test_a_title_is_kept_and_the_time_raised(store: Store) -> None:
    chat = await store.create_chat(ADA, chat_named("Mine"))
    sent = turn("send", chat.id)
    later = WHEN + timedelta(hours=1)
    sent = msgspec.structs.replace(sent, title="Other", reply=msgspec.structs.replace(sent.reply, created_at=later))
    await store.commit(sent)
    now = await store.get_chat(ADA, chat.id)
    assert (now.title, now.updated_at) == ("Mine", later)


async def test_n_comes_from_the_chats_counter_whatever_the_turn_says(store: Store) -> None:
    first = await answered(store)
    sent = turn("send", first.record.run.chat_id)
    assert sent.question is not None
    lying = msgspec.structs.replace(
        sent, question=msgspec.structs.replace(sent.question, n=1), reply=msgspec.structs.replace(sent.reply, n=1)
    )
    committed = await store.commit(lying)
    assert committed.message.n > first.reply.n
    assert committed.reply.n > committed.message.n


async def test_a_question_follows_the_leaf_the_named_parent_or_nothing(store: Store) -> None:
    first = await answered(store)
    chat = first.record.run.chat_id
    second = await store.commit(turn("send", chat))
    assert second.message.parent_id == first.reply.id
    await finish(store, second)
    beside = await store.commit(turn("send", chat, parent=first.reply.id))
    assert beside.message.parent_id == first.reply.id
    root = await store.commit(turn("send", chat, parent=None))
    assert root.message.parent_id is None
    assert (await store.get_chat(ADA, chat)).active_leaf == root.reply.id


async def test_the_leaf_that_counts_is_that_of_the_transaction(store: Store) -> None:
    first = await answered(store)
    chat = first.record.run.chat_id
    second = await store.commit(turn("send", chat))
    await finish(store, second)
    await store.change_chat(ADA, chat, ChatChanges(active_leaf=first.reply.id))
    third = await store.commit(turn("send", chat))
    assert third.message.parent_id == first.reply.id


async def test_edit_adds_a_sibling_of_the_question(store: Store) -> None:
    first = await answered(store)
    chat = first.record.run.chat_id
    second = await store.commit(turn("send", chat))
    edited = await store.commit(turn("edit", chat, text="better", target=second.message.id))
    assert (edited.message.parent_id, edited.reply.parent_id) == (first.reply.id, edited.message.id)
    assert text_of(edited.message.parts) == "better"
    root = await store.commit(turn("edit", chat, target=first.message.id))
    assert root.message.parent_id is None
    assert text_of((await store.get_message(ADA, chat, second.message.id)).parts) == "hi"


async def test_regenerate_adds_a_sibling_of_the_reply(store: Store) -> None:
    first = await answered(store, answer="old")
    again = await store.commit(turn("regenerate", first.record.run.chat_id, target=first.reply.id))
    assert (again.message.id, again.reply.parent_id) == (first.message.id, first.message.id)
    assert again.reply.id != first.reply.id
    assert text_of((await store.get_message(ADA, first.record.run.chat_id, first.reply.id)).parts) == "old"


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [("stopped", "user"), ("interrupted", None), ("completed", "length"), ("stopped", "too_long")],
)
async def test_continue_takes_the_reply_up_again(store: Store, outcome: Outcome, reason: str | None) -> None:
    first = await begun(store)
    await finish(store, first, "so far", outcome, reason)
    chat = first.record.run.chat_id
    resumed = await store.commit(turn("continue", chat, target=first.reply.id))
    reply = resumed.reply
    assert (resumed.message.id, reply.id, reply.n) == (first.message.id, first.reply.id, first.reply.n)
    assert (reply.status, reply.run_id, reply.seq, text_of(reply.parts)) == (
        "pending",
        resumed.record.run.id,
        0,
        "so far",
    )
    assert (reply.error, reply.reason) == (None, None)
    assert [(each.part, each.offset, each.cause) for each in reply.continuations] == [(0, 6, "user")]
    await store.checkpoint([said(resumed.record, 3, ", so good")])
    assert text_of((await store.get_message(ADA, chat, reply.id)).parts) == "so far, so good"
    run = resumed.record.run
    await store.end_run(ADA, run.id, 1, RunEnd("completed", "stop", seq=seq_of(1, 4)))
    assert text_of((await store.get_message(ADA, chat, reply.id)).parts) == "so far, so good"
    assert (await store.get_chat(ADA, chat)).active_leaf == reply.id


async def test_two_branches_run_side_by_side(store: Store) -> None:
    first = await answered(store)
    chat = first.record.run.chat_id
    runs = [
        (await store.commit(each)).record.run.id
        for each in (
            turn("send", chat),
            turn("regenerate", chat, target=first.reply.id),
            turn("edit", chat, target=first.message.id),
            turn("send", chat, parent=None),
        )
    ]
    assert {record.run.id for record in await store.active_runs(ADA, chat)} == set(runs)
    assert await store.active_runs(EVE, chat) == ()


# Refusals


@pytest.mark.parametrize("mode", ["send", "edit", "regenerate", "continue"])
async def test_an_unknown_or_foreign_chat_is_not_found(store: Store, mode: Mode) -> None:
    first = await answered(store, outcome="stopped")
    target = None if mode == "send" else first.message.id if mode == "edit" else first.reply.id
    chat = first.record.run.chat_id
    before = await contents(store, chat)
    for attempt in (turn(mode, ChatId("unknown"), target=target), turn(mode, chat, owner=EVE, target=target)):
        with pytest.raises(NotFound):
            await store.commit(attempt)
    assert await contents(store, chat) == before


async def test_an_unknown_or_foreign_parent_or_target_is_not_found(store: Store) -> None:
    first, foreign = await answered(store), await answered(store)
    chat = first.record.run.chat_id
    for message in (MessageId("unknown"), foreign.reply.id):
        await refused(store, turn("send", chat, parent=message), NotFound)
        await refused(store, turn("regenerate", chat, target=message), NotFound)
        await refused(store, turn("continue", chat, target=message), NotFound)
    await refused(store, turn("edit", chat, target=foreign.message.id), NotFound)


async def test_a_running_answer_takes_no_question_and_names_its_run(store: Store) -> None:
    first = await begun(store)
    chat, run_id = first.record.run.chat_id, first.record.run.id
    for attempt in (
        turn("send", chat),
        turn("send", chat, parent=first.reply.id),
        turn("regenerate", chat, target=first.reply.id),
        turn("continue", chat, target=first.reply.id),
    ):
        assert (await refused(store, attempt, RunActive)).details["run_id"] == run_id
    await store.checkpoint([said(first.record, 3, "x")])
    assert (await refused(store, turn("send", chat), RunActive)).details["run_id"] == run_id


async def test_roles_alternate(store: Store) -> None:
    first = await answered(store)
    chat, question, reply = first.record.run.chat_id, first.message.id, first.reply.id
    await refused(store, turn("send", chat, parent=question), InvalidRequest)
    await refused(store, turn("edit", chat, target=reply), InvalidRequest)
    await refused(store, turn("regenerate", chat, target=question), InvalidRequest)
    await refused(store, turn("continue", chat, target=question), InvalidRequest)


@pytest.mark.parametrize(("outcome", "reason"), [("completed", "stop"), ("completed", None), ("failed", None)])
async def test_what_has_its_end_is_not_continued(store: Store, outcome: Outcome, reason: str | None) -> None:
    first = await begun(store)
    await finish(store, first, "all", outcome, reason)
    await refused(store, turn("continue", first.record.run.chat_id, target=first.reply.id), CannotContinue)


# Idempotency


async def test_one_key_is_one_run(store: Store, other: Store) -> None:
    chat = await store.create_chat(ADA, chat_named())
    turns = [turn("send", chat.id, key="k") for _ in range(12)]
    results = await asyncio.gather(*((store, other)[n % 2].commit(each) for n, each in enumerate(turns)))
    assert len({(result.record.run.id, result.message.id, result.reply.id) for result in results}) == 1
    assert sorted(result.replayed for result in results) == [False] + [True] * 11
    assert len((await store.list_messages(ADA, chat.id, None, 9)).items) == 2


async def _replayed(store: Store, attempt: Turn, first: Committed) -> Committed:
    again = await store.commit(attempt)
    assert again.replayed
    assert await store.committed(attempt) == again
    assert (again.message.id, again.reply.id, again.record.run.id) == (
        first.message.id, first.reply.id, first.record.run.id,
    )  # fmt: skip
    return again


@pytest.mark.parametrize("mode", ["send", "edit", "regenerate", "continue"])
async def test_a_retry_gets_the_state_of_now(store: Store, mode: Mode) -> None:
    before = await answered(store, answer="", outcome="stopped")
    chat = before.record.run.chat_id
    target = {"send": None, "edit": before.message.id}.get(mode, before.reply.id)
    first = await store.commit(turn(mode, chat, target=target, key="k"))
    assert not first.replayed
    again = await _replayed(store, turn(mode, chat, target=target, key="k"), first)
    assert again.record.run.state == "loading"
    await store.checkpoint([said(first.record, 3, "half")])
    again = await _replayed(store, turn(mode, chat, target=target, key="k"), first)
    assert (again.record.run.state, again.reply.status, text_of(again.reply.parts)) == (
        "streaming",
        "streaming",
        "half",
    )
    await finish(store, first, "whole")
    again = await _replayed(store, turn(mode, chat, target=target, key="k"), first)
    assert (again.record.run.state, again.reply.status, text_of(again.reply.parts)) == (
        "completed",
        "completed",
        "whole",
    )
    assert await store.active_runs(ADA, chat) == ()


async def test_a_retry_of_the_send_that_began_the_chat_says_so(store: Store) -> None:
    chat_id = ChatId(new_id())
    first = await store.commit(msgspec.structs.replace(turn("send", chat_id, key="k"), create_chat=True))
    late = turn("send", ChatId(new_id()), key="k")
    again = await store.commit(msgspec.structs.replace(late, create_chat=True, fingerprint=f"send:{chat_id}:None:hi"))
    assert (again.chat_created, again.replayed, again.record.run.id) == (True, True, first.record.run.id)
    assert len((await store.list_chats(ADA, ChatQuery())).items) == 1


async def test_another_request_with_the_key_is_a_conflict(store: Store) -> None:
    first = await store.commit(turn("send", (await store.create_chat(ADA, chat_named())).id, key="k"))
    chat = first.record.run.chat_id
    await finish(store, first)
    await refused(store, turn("send", chat, text="another", key="k"), IdempotencyConflict)
    await refused(store, turn("regenerate", chat, target=first.reply.id, key="k"), IdempotencyConflict)
    assert not (await store.commit(turn("send", chat, text="another", key="K"))).replayed


async def test_what_a_key_committed_can_be_asked_without_committing(store: Store) -> None:
    chat = (await store.create_chat(ADA, chat_named())).id
    for key in ("k", None):
        assert await store.committed(turn("send", chat, key=key)) is None
    assert (await store.list_messages(ADA, chat, None, 9)).items == ()
    first = await store.commit(turn("send", chat, key="k"))
    known = await store.committed(turn("send", chat, key="k"))
    assert known is not None
    assert (known.replayed, known.record.run.id) == (True, first.record.run.id)
    assert await store.committed(turn("send", chat, key="k", owner=EVE)) is None
    with pytest.raises(IdempotencyConflict):
        await store.committed(turn("send", chat, text="another", key="k"))
    await store.delete_chat(ADA, chat)
    with pytest.raises(NotFound):
        await store.committed(turn("send", chat, key="k"))


async def test_a_key_is_its_owners(store: Store) -> None:
    await begun(store, key="k")
    theirs = await begun(store, owner=EVE, key="k")
    assert not theirs.replayed


async def test_a_refused_send_uses_up_no_key(store: Store) -> None:
    first = await begun(store)
    chat = first.record.run.chat_id
    await refused(store, turn("send", chat, key="k"), RunActive)
    await finish(store, first)
    assert not (await store.commit(turn("send", chat, key="k"))).replayed


async def test_a_retry_for_a_deleted_chat_is_not_found(store: Store) -> None:
    chat = await store.create_chat(ADA, chat_named())
    first = await store.commit(turn("send", chat.id, key="k"))
    await store.delete_chat(ADA, chat.id)
    with pytest.raises(NotFound):
        await store.commit(turn("send", chat.id, key="k"))
    late = msgspec.structs.replace(turn("send", ChatId(new_id()), key="k"), create_chat=True)
    with pytest.raises(NotFound):
        await store.commit(late)
    with pytest.raises(NotFound):
        await store.get_chat(ADA, late.chat_id)
    with pytest.raises(NotFound):
        await store.get_run(ADA, first.record.run.id)


@pytest.mark.parametrize("mode", ["send", "regenerate"])
async def test_sends_at_once_on_one_answer_each_have_their_place(
    store: Store, other: Store, mode: Literal["send", "regenerate"]
) -> None:
    first = await answered(store)
    chat = first.record.run.chat_id
    target = first.reply.id if mode == "regenerate" else None
    turns = [
        turn(mode, chat, target=target, parent=first.reply.id if mode == "send" else msgspec.UNSET) for _ in range(20)
    ]
    results = await asyncio.gather(*((store, other)[n % 2].commit(each) for n, each in enumerate(turns)))
    messages = (await store.list_messages(ADA, chat, None, 100)).items
    assert len({message.n for message in messages}) == len(messages) == (42 if mode == "send" else 22)
    last = max(results, key=lambda each: each.reply.n)
    assert (await store.get_chat(ADA, chat)).active_leaf == last.reply.id


async def test_a_question_keeps_all_its_parts(store: Store) -> None:
    chat = await store.create_chat(ADA, chat_named())
    sent = turn("send", chat.id)
    assert sent.question is not None
    parts = (TextPart("one"), TextPart(""), TextPart("two"))
    committed = await store.commit(
        msgspec.structs.replace(sent, question=msgspec.structs.replace(sent.question, parts=parts))
    )
    assert (await store.get_message(ADA, chat.id, committed.message.id)).parts == parts


async def test_keys_of_owners_whose_names_run_into_each_other_are_apart(store: Store) -> None:
    first = await begun(store, owner=OwnerId("a"), key="b/c")
    second = await begun(store, owner=OwnerId("a/b"), key="c")
    assert (first.replayed, second.replayed) == (False, False)
    assert await store.get_run(OwnerId("a/b"), second.record.run.id) == second.record
    with pytest.raises(NotFound):
        await store.get_run(OwnerId("a"), second.record.run.id)
    with pytest.raises(NotFound):
        await store.get_run(OwnerId("a"), RunId(f"b/{second.record.run.id}"))
