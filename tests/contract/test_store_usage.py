"""What every store keeps of usage: written with the end of a run and never without, summed by owner, day and model."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.domain.run import RunEnd
from jupyter_aichat.domain.usage import Charge, UsageQuery, UsageRecord
from jupyter_aichat.errors import InvalidRequest
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.sqlite import SqliteStore
from jupyter_aichat.stores.usage import UsageStore
from tests.contract.account_values import account_named
from tests.contract.store_turns import ADA, EVE, THERE, begun

TODAY = "2026-11-25"
CHARGE = Charge(TODAY, "ollama/m", prompt_tokens=7, completion_tokens=3, ms=1500)


@pytest.fixture
def usage(store: Store) -> UsageStore:
    assert isinstance(store, SqliteStore | MongoStore)
    return store.usage


async def end(store: Store, charge: Charge | None = CHARGE, owner: OwnerId = ADA) -> None:
    """Begin and end a run that adds this charge."""
    record = (await begun(store, owner=owner)).record
    await store.end_run(owner, record.run.id, record.epoch, RunEnd("completed", charge=charge))


async def test_ends_are_summed_by_day_and_model(store: Store, usage: UsageStore) -> None:
    await end(store)
    await end(store)
    await end(store, None)
    await end(store, Charge(TODAY, "ollama/other", completion_tokens=1))
    await end(store, Charge("2026-10-31", "ollama/m", ms=1))
    assert set(await usage.used(ADA, "2026-11-01")) == {
        UsageRecord(ADA, TODAY, "ollama/m", 14, 6, 3000, 2),
        UsageRecord(ADA, TODAY, "ollama/other", 0, 1, 0, 1),
    }
    assert len(await usage.used(ADA, "2026-10-31")) == 3
    assert await usage.used(EVE, "2026-01-01") == ()


async def test_a_run_is_charged_once_by_whoever_ends_it(store: Store, other: Store, usage: UsageStore) -> None:
    record = (await begun(store)).record
    ends = [
        (store, other)[n % 2].end_run(ADA, record.run.id, record.epoch, RunEnd("stopped", charge=CHARGE))
        for n in range(6)
    ]
    await asyncio.gather(*ends)
    assert [each.runs for each in await usage.used(ADA, TODAY)] == [1]


async def test_a_run_that_ended_or_was_taken_since_it_is_known_charges_nothing_more(
    store: Store, other: Store, usage: UsageStore
) -> None:
    for n in range(2):
        known = (await begun(store)).record
        if n == 0:
            await other.end_run(ADA, known.run.id, known.epoch, RunEnd("interrupted", charge=CHARGE))
        else:
            await other.claim(ADA, known.run.id, known.epoch, THERE)
        end = RunEnd("completed", parts=(TextPart("late"),), charge=CHARGE, known=known)
        won = await store.end_run(ADA, known.run.id, known.epoch, end)
        assert (won.run.state if won else None) == ("interrupted", None)[n]
        assert (await store.get_message(ADA, known.run.chat_id, known.run.message_id)).parts == ()
    assert [each.runs for each in await usage.used(ADA, TODAY)] == [1]


async def test_a_deposed_owner_charges_nothing(store: Store, usage: UsageStore) -> None:
    record = (await begun(store)).record
    assert await store.end_run(ADA, record.run.id, record.epoch + 1, RunEnd("stopped", charge=CHARGE)) is None
    assert await store.end_run(EVE, record.run.id, record.epoch, RunEnd("stopped", charge=CHARGE)) is None
    assert await usage.used(ADA, "") == ()
    assert await usage.used(EVE, "") == ()


async def test_of_many_ends_at_once_none_is_lost(store: Store, other: Store, usage: UsageStore) -> None:
    records = [(await begun(store)).record for _ in range(20)]
    ends = [
        (store, other)[n % 2].end_run(
            ADA, record.run.id, record.epoch, RunEnd("completed", parts=(), charge=CHARGE, known=record)
        )
        for n, record in enumerate(records)
    ]
    await asyncio.gather(*ends)
    assert await usage.used(ADA, TODAY) == (UsageRecord(ADA, TODAY, "ollama/m", 140, 60, 30_000, 20),)


async def test_usage_outlives_its_chat_and_goes_with_the_account(
    store: Store, usage: UsageStore, accounts: AccountStore
) -> None:
    record = (await begun(store)).record
    await store.end_run(ADA, record.run.id, record.epoch, RunEnd("completed", charge=CHARGE))
    await end(store, owner=EVE)
    await store.delete_chat(ADA, record.run.chat_id)
    assert len(await usage.used(ADA, TODAY)) == 1
    await accounts.delete_account(ADA)
    assert await usage.used(ADA, "") == ()
    assert len(await usage.used(EVE, TODAY)) == 1


async def test_a_run_whose_chat_was_deleted_under_it_is_charged_unless_its_owner_went_too(
    store: Store, usage: UsageStore, accounts: AccountStore
) -> None:
    account = await accounts.create_account(account_named("Pia"))
    first, second = [(await begun(store, owner=account.id)).record for _ in range(2)]
    await store.delete_chat(account.id, first.run.chat_id)
    end = RunEnd("stopped", charge=CHARGE)
    assert await store.end_run(account.id, first.run.id, first.epoch, end) is None
    assert [each.runs for each in await usage.used(account.id, TODAY)] == [1]
    await accounts.delete_account(account.id)
    assert await store.end_run(account.id, second.run.id, second.epoch, end) is None
    assert await usage.used(account.id, "") == ()


async def test_a_run_that_is_gone_is_charged_once_however_often_its_end_is_told(
    store: Store, other: Store, usage: UsageStore, accounts: AccountStore
) -> None:
    account = await accounts.create_account(account_named("Pia"))
    gone = [(await begun(store, owner=account.id)).record for _ in range(2)]
    for record in gone:
        await store.delete_chat(account.id, record.run.chat_id)
    end = RunEnd("stopped", charge=CHARGE)
    for _ in range(2):
        await asyncio.gather(*(
            where.end_run(account.id, record.run.id, record.epoch, end) for where in (store, other) for record in gone
        ))  # fmt: skip
    assert await usage.used(account.id, TODAY) == (UsageRecord(account.id, TODAY, "ollama/m", 14, 6, 3000, 2),)


async def test_all_usage_is_listed_newest_day_first_page_by_page(store: Store, usage: UsageStore) -> None:
    for owner in (ADA, EVE):
        for day in ("2026-11-24", TODAY):
            for model in ("a", "b"):
                await end(store, Charge(day, model, completion_tokens=1), owner)
    found: list[UsageRecord] = []
    cursor = None
    for _ in range(3):
        page = await usage.list_usage(UsageQuery(cursor=cursor, limit=3))
        found += page.items
        cursor = page.next
    assert cursor is None
    keys = [(each.day, each.owner_id, each.model) for each in found]
    assert keys == sorted(keys, reverse=True)
    assert len(set(keys)) == 8
    hers = await usage.list_usage(UsageQuery(owner_id=EVE, since=TODAY, until=TODAY))
    assert [(each.day, each.owner_id, each.model) for each in hers.items] == [(TODAY, EVE, "b"), (TODAY, EVE, "a")]
    assert hers.next is None
    with pytest.raises(InvalidRequest):
        await usage.list_usage(UsageQuery(cursor="nonsense"))
