"""All records of a store, carried to another one of the same or of the other kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from jupyter_aichat.copies.copying import Source, StoreSource, copy, sums_of
from jupyter_aichat.domain.account import AccountQuery
from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.ids import InstanceId
from jupyter_aichat.domain.record import KINDS, KeptChat, Kind, Record
from jupyter_aichat.errors import NotReady, StoreUnavailable
from jupyter_aichat.stores.mongo_schema import STEPS
from jupyter_aichat.stores.sqlite_record_rows import TABLES
from tests.contract import store_targets
from tests.contract.account_values import account_named
from tests.contract.records import Full, all_of, chats, fill
from tests.contract.store_targets import Raw
from tests.contract.store_turns import ADA, begun, chat_named, turn

PAIRS = [("sqlite", "mongo"), ("mongo", "sqlite"), ("sqlite", "sqlite")]


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(
    request: pytest.FixtureRequest, jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> Iterator[tuple[Full, Full]]:
    """Two stores."""
    opened = []
    for name, folder in zip(request.param, ("from", "to"), strict=True):
        store = store_targets.TARGETS[name](tmp_path / folder)
        jp_asyncio_loop.run_until_complete(store.open())
        opened.append(store)
    yield opened[0], opened[1]  # type: ignore[misc]
    for store in opened:
        jp_asyncio_loop.run_until_complete(store.close())


async def carry(here: Full, there: Full, name: str = "here") -> None:
    async with here.records.reading() as reading:
        await copy(StoreSource(name, reading), there.records)


async def test_every_kind_arrives_as_it_was(pair: tuple[Full, Full]) -> None:
    here, there = pair
    await fill(here)
    await carry(here, there)
    found = await all_of(there.records)
    assert found == await all_of(here.records)
    assert [kind for kind in KINDS if not found[kind]] == []


async def test_a_store_works_on_with_what_it_got(pair: tuple[Full, Full]) -> None:
    here, there = pair
    await fill(here)
    await carry(here, there)
    (ada, eve) = (await there.accounts.list_accounts(AccountQuery())).items
    (chat,) = (await there.list_chats(ada.id, ChatQuery(archived=None))).items
    for store in pair:
        first = (await store.list_messages(ada.id, chat.id, None, 99)).items[0]
        again = turn("send", chat.id, owner=ada.id, key="first", text="Grüße \N{GRINNING FACE}\r\n\ttab")
        replayed = await store.commit(
            msgspec.structs.replace(again, fingerprint=f"send:{chat.id}:None:Grüße \N{GRINNING FACE}\r\n\ttab")
        )
        assert (replayed.replayed, replayed.message) == (True, first)
    assert await there.accounts.groups() == (("a", 1), ("b", 1))
    sent = await there.commit(turn("send", chat.id, owner=ada.id))
    assert (sent.message.n, (await there.path(ada.id, chat.id, sent.reply.id, None, 9)).length) == (6, 4)
    (running,) = (await there.list_chats(eve.id, ChatQuery())).items
    half = (await there.list_messages(eve.id, running.id, None, 9)).items[1]
    assert [part.text for part in half.parts] == ["half a wor", "d"]  # type: ignore[union-attr]
    left = {each.run.id for each in await there.orphans([InstanceId("here")])} - {sent.record.run.id}
    assert left == {half.run_id}


async def test_the_audit_keeps_its_order(pair: tuple[Full, Full]) -> None:
    here, there = pair
    await fill(here)
    await carry(here, there)
    async with there.records.reading() as reading:
        actions = [each.action async for each in reading.records("audit")]  # type: ignore[union-attr]
    assert sorted(actions) == ["login", "registered", "shared"]
    if isinstance(there, type(here)):
        assert actions == ["registered", "login", "shared"]


OF_PROCESSES = {"instances", "changes", "schema", "charged"}
"""What only means something to processes that run: which of them live, and which runs without a chat they have ended already."""
OF_ACCOUNTS = {"memberships"}


@pytest.mark.usefixtures("sqlite_store")
async def test_all_that_is_kept_is_carried(raw: Raw) -> None:
    tables = {
        name for (name,) in raw("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    }
    assert tables - set(TABLES.values()) - OF_ACCOUNTS <= OF_PROCESSES
    collections = {name for step in STEPS for name in step.collections}
    assert collections - set(KINDS) <= OF_PROCESSES


class Broken(Source):
    """A source that ends in the middle of the messages."""

    def __init__(self, whole: Source) -> None:
        self.name, self.kinds, self._whole = whole.name, whole.kinds, whole

    async def records(self, kind: Kind) -> AsyncIterator[Record]:
        async for each in self._whole.records(kind):
            yield each
            if kind == "messages":
                raise StoreUnavailable("gone")


async def test_a_copy_that_was_cut_off_is_made_again(pair: tuple[Full, Full]) -> None:
    here, there = pair
    await fill(here)
    async with here.records.reading() as reading:
        with pytest.raises(StoreUnavailable):
            await copy(Broken(StoreSource("here", reading)), there.records)
    with pytest.raises(NotReady, match="has records already"):
        await carry(here, there, "elsewhere")
    with pytest.raises(NotReady, match="not whole"):  # a service would show what there is as if it were all
        await there.join(InstanceId("early"))
    assert not await there.records.in_use()
    await carry(here, there)
    await there.join(InstanceId("late"))
    assert await all_of(there.records) == await all_of(here.records)


async def test_a_copy_that_is_whole_is_left_as_it_is(pair: tuple[Full, Full]) -> None:
    here, there = pair
    await fill(here)
    await carry(here, there)
    await carry(here, there)
    used = await there.create_chat(ADA, chat_named("since"))
    with pytest.raises(NotReady, match=r"used since: .*chats \(\d in place of \d\)"):
        await carry(here, there)
    assert await there.get_chat(ADA, used.id) == used


async def test_a_store_that_has_records_is_no_target(pair: tuple[Full, Full]) -> None:
    here, there = pair
    await there.accounts.create_account(account_named("Ada"))
    with pytest.raises(NotReady, match="has records already"):
        await carry(here, there)


async def test_a_store_that_a_service_uses_is_no_target(pair: tuple[Full, Full]) -> None:
    here, there = pair
    await there.join(InstanceId("alive"))
    assert (await here.records.in_use(), await there.records.in_use()) == (False, True)
    with pytest.raises(NotReady, match="stop it first"):
        await carry(here, there)
    await there.leave(InstanceId("alive"))
    await carry(here, there)


async def test_a_difference_is_found(pair: tuple[Full, Full]) -> None:
    """A store that loses a letter must not pass for a copy."""
    here, there = pair
    await begun(here)

    class Lossy:
        def __getattr__(self, name: str) -> object:
            return getattr(there.records, name)

        async def write(self, kind: Kind, records: list[Record]) -> None:
            await there.records.write(kind, records[1:] if kind == "messages" else records)

    async with here.records.reading() as reading:
        with pytest.raises(NotReady, match="messages \\(1 in place of 2\\)"):
            await copy(StoreSource("here", reading), Lossy())  # type: ignore[arg-type]
    note = await there.records.copy_note()
    assert note is not None
    assert not note.done


async def test_sqlite_is_read_as_of_one_moment(jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    store = store_targets.sqlite_target(tmp_path)
    await store.open()
    await begun(store)
    async with store.records.reading() as reading:
        await begun(store)
        assert len([each async for each in reading.records("chats")]) == 1
    await store.close()


@settings(
    max_examples=25, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(some=chats())
def test_whatever_a_chat_holds_goes_there_and_back(
    pair: tuple[Full, Full], jp_asyncio_loop: asyncio.AbstractEventLoop, some: list[Record]
) -> None:
    here, there = pair

    async def both() -> None:
        for store in pair:
            await _clear(store)
            await store.records.write("chats", some[:1])
            await store.records.write("messages", some[1:])
        assert await sums_of(here.records, KINDS) == await sums_of(there.records, KINDS)
        assert (await all_of(there.records))["messages"] == sorted(some[1:], key=str)

    jp_asyncio_loop.run_until_complete(both())


async def _clear(store: Full) -> None:
    for each in (await all_of(store.records))["chats"]:
        assert isinstance(each, KeptChat)
        await store.delete_chat(each.owner_id, each.chat.id)
