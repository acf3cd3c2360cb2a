"""The database stops, hangs, is killed and comes back: what is said meanwhile, how soon, and what is there afterwards."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jupyter_aichat.domain.ids import ChatId
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.domain.run import Committed, RunEnd, seq_of
from jupyter_aichat.errors import AIChatError, StoreUnavailable
from jupyter_aichat.stores.mongo import MongoStore
from tests import mongo_server
from tests.contract.store_turns import ADA, HERE, THERE, answered, begun, chat_named, finish, said, turn
from tests.mongo_server import MongoServer

BOUND_S = 4.0
"""Longer than any call may take with the time-outs of `shaky`, whatever the database does."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MongoServer]:
    """A database of the test's own."""
    with mongo_server.running(tmp_path / "mongo", sync_on_commit=True) as server:
        yield server


def shaky(server: MongoServer, *, lapse_s: float = 1.0) -> MongoStore:
    """A store with short time-outs on a database that a test may take away."""
    store = MongoStore(server.url + "chats", lapse_s=lapse_s)
    store.selection_timeout_s, store.call_timeout_s, store.transaction_timeout_s = 0.5, 1.0, 2.0
    return store


@asynccontextmanager
async def opened(server: MongoServer) -> AsyncIterator[MongoStore]:
    store = shaky(server)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def all_calls(store: MongoStore, known: Committed) -> list[Callable[[], Awaitable[object]]]:
    chat, run = known.reply.chat_id, known.record.run.id
    return [
        store.ping,
        lambda: store.get_chat(ADA, chat),
        lambda: store.list_messages(ADA, chat, None, 9),
        lambda: store.commit(turn("send", chat, parent=None)),
        lambda: store.checkpoint([said(known.record, 3, "x")]),
        lambda: store.end_run(ADA, run, 1, RunEnd("completed")),
        lambda: store.claim(ADA, run, 1, THERE),
        lambda: store.delete_chat(ADA, chat),
        lambda: store.stop_requests(HERE),
        lambda: store.beat(HERE),
        lambda: store.lapsed(HERE),
    ]


async def refused(call: Callable[[], Awaitable[object]]) -> float:
    """Make a call that must be refused; return how long that took."""
    begun_at = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        await call()
    assert "127.0.0.1" not in str(caught.value)
    return time.monotonic() - begun_at


async def until_it_works(call: Callable[[], Awaitable[object]]) -> None:
    """Try until the store takes it again."""
    async with asyncio.timeout(15):
        while True:
            try:
                await call()
            except StoreUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_while_the_database_is_away_every_call_says_so_in_time_and_then_works_again(server: MongoServer) -> None:
    async with opened(server) as store:
        known = await begun(store)
        await asyncio.to_thread(server.kill)
        assert max(await asyncio.gather(*map(refused, all_calls(store, known)))) < BOUND_S
        await asyncio.to_thread(server.start)
        await until_it_works(store.ping)
        assert await store.get_run(ADA, known.record.run.id) == known.record
        assert await store.checkpoint([said(known.record, 3, "x")]) == frozenset()


async def test_a_database_that_hangs_holds_up_no_caller_and_nothing_is_left_half_done(server: MongoServer) -> None:
    async with opened(server) as store:
        known = await answered(store)
        server.freeze()
        try:
            calls = all_calls(store, known)
            assert max(await asyncio.gather(*(refused(calls[n % 3]) for n in range(60)))) < BOUND_S
            sent = turn("send", known.reply.chat_id)
            assert await refused(lambda: store.commit(sent)) < BOUND_S
        finally:
            server.thaw()
        await until_it_works(store.ping)
        await until_it_works(lambda: store.commit(sent))
        again = await store.commit(sent)
        assert (again.replayed, again.record.run.id) == (True, sent.record.run.id)
        assert len((await store.list_messages(ADA, known.reply.chat_id, None, 9)).items) == 4


async def test_opening_without_a_database_says_so_in_time_and_works_when_it_is_there(server: MongoServer) -> None:
    await asyncio.to_thread(server.kill)
    store = shaky(server)
    assert await refused(store.open) < BOUND_S
    await asyncio.to_thread(server.start)
    await until_it_works(store.open)
    assert await store.lapsed(HERE) == ()
    await store.close()


async def test_who_cannot_be_watched_has_not_lapsed(server: MongoServer) -> None:
    async with opened(server) as store:
        await store.join(THERE)
        assert await store.lapsed(HERE) == ()
        await asyncio.to_thread(server.kill)
        await refused(lambda: store.lapsed(HERE))
        await asyncio.to_thread(server.start)
        await until_it_works(store.ping)
        back = time.monotonic()
        while not (lapsed := await store.lapsed(HERE)):
            await asyncio.sleep(0.05)
        assert time.monotonic() - back >= 1.0
        assert [each.instance for each in lapsed] == [THERE]


async def _answer(store: MongoStore, chat: ChatId, acknowledged: list[tuple[Committed, str]], name: str) -> None:
    """Ask, checkpoint and end, over and over; note what was acknowledged."""
    for n in range(1000):
        committed = await store.commit(turn("send", chat, parent=None, text=f"{name} {n}"))
        acknowledged.append((committed, ""))
        await store.checkpoint([said(committed.record, 2, f"{name} {n}")])
        acknowledged[-1] = (committed, f"{name} {n}")
        await finish(store, committed, f"{name} {n}!")
        acknowledged[-1] = (committed, f"{name} {n}!")


@pytest.mark.slow
async def test_whatever_was_acknowledged_is_there_after_kills_at_any_moment(server: MongoServer) -> None:
    seed = random.randrange(1_000_000)
    moments = random.Random(seed)
    async with opened(server) as store:
        chat = (await store.create_chat(ADA, chat_named())).id
        acknowledged: list[tuple[Committed, str]] = []
        for _ in range(5):
            tasks = [asyncio.create_task(_answer(store, chat, acknowledged, f"w{n}")) for n in range(4)]
            await asyncio.sleep(moments.uniform(0.05, 0.6))
            await asyncio.to_thread(server.kill)
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, AIChatError) for end in ends), (seed, ends)
            await asyncio.to_thread(server.start)
            await until_it_works(store.ping)
        for committed, text in acknowledged:
            run = await store.get_run(ADA, committed.record.run.id)
            reply = await store.get_message(ADA, chat, committed.reply.id)
            assert text_of(reply.parts).startswith(text), (seed, run, reply)
            assert reply.status in (run.run.state, "pending", "streaming"), (seed, run, reply)
        messages = (await store.list_messages(ADA, chat, None, 100_000)).items
        assert [message.n for message in messages] == list(range(1, len(messages) + 1)), seed


async def test_an_end_that_is_tried_again_after_an_outage_is_one_end(server: MongoServer) -> None:
    async with opened(server) as store:
        committed = await begun(store)
        await asyncio.to_thread(server.kill)
        end = RunEnd("completed", "stop", parts=(TextPart("yes"),), seq=seq_of(1, 9))
        await refused(lambda: store.end_run(ADA, committed.record.run.id, 1, end))
        await asyncio.to_thread(server.start)
        await until_it_works(lambda: store.end_run(ADA, committed.record.run.id, 1, end))
        told = await store.end_run(ADA, committed.record.run.id, 1, RunEnd("interrupted"))
        assert told is not None
        assert told.run.state == "completed"
