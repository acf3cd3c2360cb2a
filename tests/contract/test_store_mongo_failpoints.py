"""Faults inside the database at a chosen command: step-downs, cut connections, commits whose end is not known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from jupyter_aichat.domain.chat import ChatChanges
from jupyter_aichat.domain.ids import ChatId, new_id
from jupyter_aichat.errors import NotFound, StoreUnavailable
from jupyter_aichat.stores.mongo import MongoStore
from tests import mongo_server
from tests.contract.mongo_commands import RECORDER
from tests.contract.store_turns import ADA, HERE, THERE, begun, chat_named, finish, said, turn
from tests.mongo_server import MongoServer

STEPPED_DOWN, WRITE_CONFLICT, NAMESPACE_EXISTS = 189, 112, 48
COMMAND_NOT_FOUND, COMMAND_NOT_SUPPORTED = 59, 115
BOUND_S = 5.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    with mongo_server.running(tmp_path_factory.mktemp("failpoints") / "mongo", enable_test_commands=True) as server:
        yield server


@pytest.fixture
def failing(jp_asyncio_loop: asyncio.AbstractEventLoop, server: MongoServer) -> Iterator[MongoStore]:
    """A store whose database fails where a test says.

    Its client polls, because SecantusDB does not tell those who wait that it has stepped down, as MongoDB would.
    """
    store = MongoStore(f"{server.url}?serverMonitoringMode=poll", database=f"chats_{new_id()}")
    store.selection_timeout_s, store.call_timeout_s, store.transaction_timeout_s = 1.0, 1.2, 2.5
    jp_asyncio_loop.run_until_complete(store.open())
    yield store
    jp_asyncio_loop.run_until_complete(store.close())


@contextmanager
def failpoint(server: MongoServer, commands: Sequence[str], mode: object, **data: object) -> Iterator[None]:
    """Let commands fail for a while."""
    with MongoClient[dict[str, Any]](server.url) as client:
        settings = {"failCommands": list(commands), **data}
        client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": settings})
        try:
            yield
        finally:
            client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


FAULTS = [
    pytest.param(
        ["bulkWrite"], {"errorCode": STEPPED_DOWN, "errorLabels": ["TransientTransactionError"]}, id="step-down"
    ),
    pytest.param(
        ["bulkWrite"], {"errorCode": WRITE_CONFLICT, "errorLabels": ["TransientTransactionError"]}, id="conflict"
    ),
    pytest.param(["bulkWrite"], {"closeConnection": True}, id="cut in the middle"),
    pytest.param(["commitTransaction"], {"closeConnection": True}, id="cut at the commit"),
    pytest.param(["commitTransaction"], {"errorCode": STEPPED_DOWN}, id="step-down at the commit"),
    pytest.param(["find", "findAndModify"], {"closeConnection": True}, id="cut while asking"),
]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("commands", "data"), FAULTS)
async def test_a_fault_that_passes_is_not_seen_and_nothing_is_written_twice(
    failing: MongoStore, server: MongoServer, commands: list[str], data: dict[str, object], times: int
) -> None:
    chat = (await failing.create_chat(ADA, chat_named())).id

    async def life() -> None:
        committed = await failing.commit(turn("send", chat, key="k"))
        assert not committed.replayed
        assert await failing.checkpoint([said(committed.record, 2, "half")]) == frozenset()
        ended = await finish(failing, committed, "whole")
        assert ended is not None
        assert ended.run.state == "completed"

    with failpoint(server, commands, {"times": times}, **data):
        try:
            await life()
        except StoreUnavailable:
            if commands[0] != "find" or times == 1:  # a single question is asked twice, and no more
                raise
            return
    messages = (await failing.list_messages(ADA, chat, None, 9)).items
    assert [(message.role, message.status) for message in messages] == [
        ("user", "completed"),
        ("assistant", "completed"),
    ]


async def test_a_commit_whose_end_stays_unknown_is_refused_in_time_and_found_out_later(
    failing: MongoStore, server: MongoServer
) -> None:
    chat = (await failing.create_chat(ADA, chat_named())).id
    sent = turn("send", chat, key="k")
    with failpoint(server, ["commitTransaction"], "alwaysOn", errorCode=STEPPED_DOWN):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await failing.commit(sent)
        assert time.monotonic() - began < BOUND_S
    again = await failing.commit(sent)
    assert again.record.run.id == sent.record.run.id
    assert len((await failing.list_messages(ADA, chat, None, 9)).items) == 2


async def test_a_slow_database_is_bounded(failing: MongoStore, server: MongoServer) -> None:
    chat = (await failing.create_chat(ADA, chat_named())).id
    slow: dict[str, object] = {"blockConnection": True, "blockTimeMS": 4000}
    with failpoint(server, ["find", "findAndModify"], {"times": 4}, **slow):
        began = time.monotonic()
        results = await asyncio.gather(
            failing.get_chat(ADA, chat), failing.change_chat(ADA, chat, ChatChanges(title="t")), return_exceptions=True
        )
        assert time.monotonic() - began < BOUND_S
    assert all(isinstance(result, StoreUnavailable) for result in results)


async def test_a_claim_that_was_cut_off_is_won_by_one(failing: MongoStore, server: MongoServer) -> None:
    committed = await begun(failing)
    with failpoint(server, ["findAndModify"], {"times": 1}, closeConnection=True):
        claims = await asyncio.gather(
            failing.claim(ADA, committed.record.run.id, 1, HERE), failing.claim(ADA, committed.record.run.id, 1, THERE)
        )
    assert sorted(claim is not None for claim in claims) == [False, True]


async def test_a_server_without_a_replica_set_is_refused_with_the_next_step(tmp_path: Path) -> None:
    def start() -> Any:
        running = mongo_server.running(tmp_path / "alone", replica_set_name=None)
        return running, running.__enter__()

    running, alone = await asyncio.to_thread(start)
    try:
        with pytest.raises(StoreUnavailable, match="--replSet"):
            await MongoStore(alone.url).open()
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def test_a_server_that_wants_a_password_is_told_about_to_the_operator(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def start() -> Any:
        running = mongo_server.running(tmp_path / "closed", require_auth=True)
        return running, running.__enter__()

    running, closed = await asyncio.to_thread(start)
    try:
        for url in (closed.url, closed.url.replace("://", "://ada:wrong-secret@")):
            with pytest.raises(StoreUnavailable, match="rights") as refused:
                await MongoStore(url).open()
            assert "secret" not in str(refused.value) + caplog.text
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def test_whose_chat_does_not_exist_hears_so_also_in_bad_times(failing: MongoStore, server: MongoServer) -> None:
    with failpoint(server, ["find"], {"times": 1}, closeConnection=True), pytest.raises(NotFound):
        await failing.get_chat(ADA, ChatId("unknown"))


async def test_what_a_cut_connection_left_open_holds_up_nobody(failing: MongoStore, server: MongoServer) -> None:
    """A transaction whose end the server never heard of keeps what it has touched for a minute."""
    record = (await begun(failing)).record
    with failpoint(server, ["bulkWrite", "abortTransaction"], {"times": 3}, closeConnection=True):
        assert await failing.checkpoint([said(record, 2, "x")]) == frozenset()
    assert [command for command in RECORDER.commands if "killSessions" in command]
    assert await failing.checkpoint([said(record, 3, "y")]) == frozenset()


async def test_each_session_is_known_before_its_first_transaction_though_another_is_told_later(
    failing: MongoStore, server: MongoServer
) -> None:
    """Else a process that dies in it leaves its runs locked: nobody would know what to undo."""
    await failing.join(HERE)
    chats = [(await failing.create_chat(ADA, chat_named())).id for _ in range(2)]
    RECORDER.commands.clear()
    with failpoint(server, ["update"], {"times": 1}, blockConnection=True, blockTimeMS=300):
        await asyncio.gather(*(failing.commit(turn("send", chat)) for chat in chats))
    begun_in = {command["lsid"]["id"] for command in RECORDER.commands if command.get("startTransaction")}
    record = await failing._db.find_one("instances", {"_id": HERE})
    assert record is not None
    assert len(begun_in) == 2
    assert begun_in <= set(record["sessions"])


@pytest.mark.parametrize("code", [COMMAND_NOT_FOUND, COMMAND_NOT_SUPPORTED])
async def test_a_set_in_which_not_every_server_writes_at_once_is_written_one_by_one(
    failing: MongoStore, server: MongoServer, code: int
) -> None:
    """One that is upgraded: its next primary may be older, or works as the version before until it is told."""
    with failpoint(server, ["bulkWrite"], "alwaysOn", errorCode=code):
        committed = await begun(failing)
        assert await failing.checkpoint([said(committed.record, 2, "half")]) == frozenset()
        ended = await finish(failing, committed, "whole")
    assert ended is not None
    assert ended.run.state == "completed"
    asked = [command for command in RECORDER.commands if "bulkWrite" in command]
    assert len(asked) == 1


async def test_a_collection_that_another_replica_was_faster_to_make_is_taken(server: MongoServer) -> None:
    store = MongoStore(server.url, database=f"chats_{new_id()}")
    with failpoint(server, ["create"], {"times": 2}, errorCode=NAMESPACE_EXISTS):
        await store.open()
    await begun(store)
    await store.close()
