"""What every store keeps of runs: claim, checkpoint, end, stop; each conditional on the run's owner and epoch."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.ids import InstanceId, RunId
from jupyter_aichat.domain.message import Continuation
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.domain.run import Outcome, RunEnd, Segment, TakeUp, seq_of
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.base import Store
from tests.contract.store_turns import ADA, EVE, HERE, THERE, WHEN, answered, begun, finish, said, turn


async def text(store: Store, segment: Segment) -> str:
    record = await store.get_run(segment.owner_id, segment.run_id)
    message = await store.get_message(segment.owner_id, record.run.chat_id, segment.message_id)
    return text_of(message.parts)


async def test_strangers_find_no_run(store: Store) -> None:
    run_id = (await begun(store)).record.run.id
    for owner, run in ((EVE, run_id), (ADA, RunId("unknown"))):
        for attempt in (store.get_run(owner, run), store.progress(owner, run, 0), store.request_stop(owner, run)):
            with pytest.raises(NotFound):
                await attempt
        assert await store.claim(owner, run, 1, THERE) is None
        assert await store.end_run(owner, run, 1, RunEnd("stopped")) is None
    record = await store.get_run(ADA, run_id)
    assert (record.run.state, record.epoch, record.stop_requested) == ("loading", 1, False)


async def test_a_strangers_checkpoint_matches_nothing(store: Store) -> None:
    committed = await begun(store)
    segment = said(committed.record, 3, "hers")
    forged = Segment(EVE, *(getattr(segment, field) for field in segment.__struct_fields__[1:]))
    assert await store.checkpoint([forged]) == frozenset({segment.run_id})
    assert await text(store, segment) == ""


# Claim


async def test_a_queued_run_is_claimed(store: Store) -> None:
    chat = (await answered(store)).record.run.chat_id
    queued = await store.commit(turn("send", chat, instance=None, epoch=0))
    claimed = await store.claim(ADA, queued.record.run.id, 0, THERE)
    assert claimed is not None
    assert (claimed.instance, claimed.epoch, claimed.generation) == (THERE, 1, queued.record.generation)
    assert await store.get_run(ADA, queued.record.run.id) == claimed


async def test_of_many_that_claim_at_once_one_wins(store: Store, other: Store) -> None:
    run_id = (await begun(store)).record.run.id
    names = [InstanceId(f"i{n}") for n in range(20)]
    claims = [(store, other)[n % 2].claim(ADA, run_id, 1, name) for n, name in enumerate(names)]
    won = [record for record in await asyncio.gather(*claims) if record is not None]
    assert len(won) == 1
    assert won[0].epoch == 2
    assert (await store.get_run(ADA, run_id)).instance == won[0].instance


async def test_a_claim_needs_the_present_epoch_and_a_run_that_goes_on(store: Store) -> None:
    committed = await begun(store)
    run_id = committed.record.run.id
    for epoch in (0, 2, 9):
        assert await store.claim(ADA, run_id, epoch, THERE) is None
    assert await store.claim(ADA, run_id, 1, THERE) is not None
    assert await store.claim(ADA, run_id, 1, HERE) is None
    await store.end_run(ADA, run_id, 2, RunEnd("interrupted"))
    assert await store.claim(ADA, run_id, 2, HERE) is None


async def test_a_deposed_owner_changes_nothing(store: Store) -> None:
    committed = await begun(store)
    record = committed.record
    await store.checkpoint([said(record, 3, "old")])
    claimed = await store.claim(ADA, record.run.id, 1, THERE)
    assert claimed is not None
    assert await store.checkpoint([said(record, 4, " late")]) == frozenset({record.run.id})
    assert await store.end_run(ADA, record.run.id, 1, RunEnd("completed", parts=(TextPart("mine"),))) is None
    assert await store.get_run(ADA, record.run.id) == claimed
    assert await store.checkpoint([said(claimed, 2, " new")]) == frozenset()
    assert await text(store, said(record, 0, "")) == "old new"
    ended = await store.end_run(ADA, record.run.id, 2, RunEnd("interrupted", seq=seq_of(2, 3)))
    assert ended is not None
    assert await text(store, said(record, 0, "")) == "old new"


# Taking up


async def test_a_run_that_was_claimed_goes_on_from_what_its_owner_left(store: Store) -> None:
    committed = await begun(store)
    record, reply = committed.record, committed.reply
    await store.checkpoint([said(record, 3, "one"), said(record, 5, " two")])
    claimed = await store.claim(ADA, record.run.id, 1, THERE)
    assert claimed is not None
    mark = Continuation(0, 13, WHEN, "takeover")
    parts = (TextPart("one two three"),)
    taken = await store.take_up(ADA, record.run.id, 2, TakeUp(parts, seq_of(2, 1), mark))
    assert taken is not None
    assert (taken.parts, taken.status, taken.seq) == (parts, "streaming", seq_of(2, 1))
    assert taken.continuations == (mark,)
    assert await store.get_message(ADA, reply.chat_id, reply.id) == taken
    assert (await store.progress(ADA, record.run.id, 0)).segments == ()
    assert (await store.get_run(ADA, record.run.id)).run.seq == seq_of(2, 1)
    assert await store.checkpoint([said(record, 6, "late")]) == {record.run.id}
    assert await store.checkpoint([said(claimed, 2, " four")]) == frozenset()
    ended = await store.end_run(ADA, record.run.id, 2, RunEnd("completed", "stop", seq=seq_of(2, 3)))
    assert ended is not None
    message = await store.get_message(ADA, reply.chat_id, reply.id)
    assert (text_of(message.parts), message.continuations) == ("one two three four", (mark,))


async def test_a_run_without_text_is_taken_up_as_it_was(store: Store) -> None:
    committed = await begun(store)
    await store.claim(ADA, committed.record.run.id, 1, THERE)
    taken = await store.take_up(ADA, committed.record.run.id, 2, TakeUp((), seq_of(2, 1)))
    assert taken is not None
    assert (taken.parts, taken.status, taken.continuations) == ((), "pending", ())


async def test_what_ended_is_gone_or_was_taken_by_another_is_not_taken_up(store: Store) -> None:
    done, deleted, taken = await answered(store), await begun(store), await begun(store)
    await store.delete_chat(ADA, deleted.reply.chat_id)
    await store.claim(ADA, taken.record.run.id, 1, THERE)
    late = TakeUp((TextPart("x"),), seq_of(1, 9))
    for committed in (done, deleted, taken):
        assert await store.take_up(ADA, committed.record.run.id, 1, late) is None
        assert await store.take_up(EVE, committed.record.run.id, 1, late) is None
    assert text_of((await store.get_message(ADA, done.reply.chat_id, done.reply.id)).parts) == "yes"
    assert (await store.get_message(ADA, taken.reply.chat_id, taken.reply.id)).parts == ()


# Checkpoints


async def test_a_checkpoint_of_many_runs_names_those_that_matched_nothing(store: Store) -> None:
    here, deposed, ended, deleted = [await begun(store) for _ in range(4)]
    await store.claim(ADA, deposed.record.run.id, 1, THERE)
    await finish(store, ended)
    await store.delete_chat(ADA, deleted.record.run.chat_id)
    segments = [said(each.record, n, "x") for n in (3, 5) for each in (here, deposed, ended, deleted)]
    assert await store.checkpoint(segments) == {each.record.run.id for each in (deposed, ended, deleted)}
    progress = await store.progress(ADA, here.record.run.id, 0)
    assert (progress.record.run.state, progress.record.run.seq) == ("streaming", seq_of(1, 5))
    assert [segment.seq for segment in progress.segments] == [seq_of(1, 3), seq_of(1, 5)]
    assert await text(store, said(ended.record, 0, "")) == "yes"
    assert await store.checkpoint([]) == frozenset()


async def test_progress_gives_what_is_later_in_order(store: Store, other: Store) -> None:
    committed = await begun(store)
    segments = [said(committed.record, n, str(n)) for n in range(2, 40)]
    for n in range(0, len(segments), 5):
        await store.checkpoint(segments[n : n + 5])
    for after in (0, seq_of(1, 1), seq_of(1, 7), seq_of(1, 39), seq_of(1, 99)):
        progress = await other.progress(ADA, committed.record.run.id, after)
        assert list(progress.segments) == [segment for segment in segments if segment.seq > after]


async def test_a_checkpoint_that_is_tried_again_counts_once(store: Store) -> None:
    committed = await begun(store)
    segments = [said(committed.record, 3, "a"), said(committed.record, 4, "b")]
    for _ in range(2):
        assert await store.checkpoint(segments) == frozenset()
    assert await text(store, segments[0]) == "ab"


# The end


async def test_an_end_closes_run_and_message_together(store: Store, other: Store) -> None:
    committed = await begun(store)
    record, chat = committed.record, committed.record.run.chat_id
    await store.checkpoint([said(record, 3, "half")])
    usage, error = Usage(prompt_tokens=3, completion_tokens=4), Failure("timeout", "Slow.", {"phase": "stall"})
    end = RunEnd("failed", "r", error, usage, (TextPart("whole"),), seq_of(1, 8), "digest")
    ended = await store.end_run(ADA, record.run.id, 1, end)
    assert ended is not None
    run = ended.run
    assert (run.state, run.reason, run.error, run.usage, run.seq) == ("failed", "r", error, usage, seq_of(1, 8))
    for look in (store, other):
        assert await look.get_run(ADA, run.id) == ended
        reply = await look.get_message(ADA, chat, committed.reply.id)
        assert (reply.status, reply.reason, reply.error, reply.usage) == ("failed", "r", error, usage)
        assert (reply.seq, reply.digest, reply.parts) == (seq_of(1, 8), "digest", (TextPart("whole"),))
        assert (await look.progress(ADA, run.id, 0)).segments == ()
        assert await look.active_runs(ADA, chat) == ()


async def test_an_end_of_a_run_that_is_known_returns_it_as_it_then_stands(store: Store, other: Store) -> None:
    committed = await begun(store)
    await store.checkpoint([said(committed.record, 2, "ye")])
    ended = await finish(store, committed, "yes")
    assert ended == await other.get_run(ADA, committed.record.run.id)
    assert (await other.progress(ADA, committed.record.run.id, 0)).segments == ()
    assert text_of((await other.get_message(ADA, committed.reply.chat_id, committed.reply.id)).parts) == "yes"


async def test_a_run_that_shall_stop_since_it_is_known_ends_as_one_that_shall(store: Store, other: Store) -> None:
    committed = await begun(store)
    await other.request_stop(ADA, committed.record.run.id)
    ended = await finish(store, committed)
    assert ended is not None
    assert (ended.run.state, ended.stop_requested) == ("completed", True)
    assert ended == await other.get_run(ADA, committed.record.run.id)


async def test_an_end_says_nothing_of_another_run_than_its_own(store: Store) -> None:
    mine, hers = await begun(store), await begun(store, owner=EVE)
    end = RunEnd("completed", parts=(TextPart("x"),), known=hers.record)
    await store.end_run(ADA, mine.record.run.id, 1, end)
    assert (await store.get_run(ADA, mine.record.run.id)).run.state == "completed"
    assert await store.get_run(EVE, hers.record.run.id) == hers.record
    assert (await store.get_message(EVE, hers.reply.chat_id, hers.reply.id)).status == "pending"


async def test_an_end_without_parts_folds_the_checkpoints(store: Store) -> None:
    committed = await begun(store)
    await store.checkpoint([said(committed.record, 3, "one "), said(committed.record, 5, "two")])
    await store.end_run(ADA, committed.record.run.id, 1, RunEnd("interrupted", seq=seq_of(1, 6)))
    assert await text(store, said(committed.record, 0, "")) == "one two"


async def test_a_run_ends_once_whoever_comes_first(store: Store, other: Store) -> None:
    for _ in range(20):
        committed = await begun(store)
        outcomes: list[Outcome] = ["completed", "stopped", "interrupted", "failed"]
        ends = [
            (store, other)[n % 2].end_run(
                ADA, committed.record.run.id, 1, RunEnd(outcome, parts=(TextPart(outcome),), seq=n)
            )
            for n, outcome in enumerate(outcomes)
        ]
        told = await asyncio.gather(*ends)
        assert all(record == told[0] for record in told)
        assert told[0] is not None
        message = await store.get_message(ADA, committed.record.run.chat_id, committed.reply.id)
        assert text_of(message.parts) == message.status == told[0].run.state


async def test_an_end_tells_the_present_owner_and_a_late_one_who_won(store: Store) -> None:
    committed = await begun(store)
    run_id = committed.record.run.id
    await store.claim(ADA, run_id, 1, THERE)
    won = await store.end_run(ADA, run_id, 2, RunEnd("interrupted", "server_restarted"))
    assert await store.end_run(ADA, run_id, 1, RunEnd("completed")) == won


# Stop


async def test_a_stop_is_for_the_one_who_generates(store: Store, other: Store) -> None:
    mine, beside, elsewhere = [await begun(store) for _ in range(3)]
    await store.claim(ADA, elsewhere.record.run.id, 1, THERE)
    assert await store.stop_requests(HERE) == ()
    for committed in (mine, elsewhere):
        record = await other.request_stop(ADA, committed.record.run.id)
        assert record.stop_requested
    assert await store.stop_requests(HERE) == (mine.record.run.id,)
    assert await store.stop_requests(THERE) == (elsewhere.record.run.id,)
    await finish(store, mine)
    assert await store.stop_requests(HERE) == ()
    assert not (await store.get_run(ADA, beside.record.run.id)).stop_requested


async def test_a_stop_outlives_a_claim_and_comes_too_late_after_the_end(store: Store) -> None:
    committed = await begun(store)
    run_id = committed.record.run.id
    await store.request_stop(ADA, run_id)
    claimed = await store.claim(ADA, run_id, 1, THERE)
    assert claimed is not None
    assert claimed.stop_requested
    done = await answered(store)
    record = await store.request_stop(ADA, done.record.run.id)
    assert (record.run.state, record.stop_requested) == ("completed", False)
