"""The audit between two times, and as it grows."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from jupyter_aichat.auth import records
from jupyter_aichat.auth.records import Wanted, following, latest
from jupyter_aichat.domain.audit import AuditRecord
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.stores.sqlite import SqliteStore

ADA, EVE = OwnerId("ada"), OwnerId("eve")
BEGUN = now() - timedelta(days=3)


async def write(store: SqliteStore, *records: AuditRecord) -> None:
    for record in records:
        await store.accounts.append_audit(record)


def logins(count: int, owner: OwnerId = ADA, begun_s: float = 0, every_s: float = 1) -> list[AuditRecord]:
    times = (BEGUN + timedelta(seconds=begun_s + n * every_s) for n in range(count))
    return [AuditRecord(f"{owner}{begun_s:g}-{n}", at, "login", owner, owner) for n, at in enumerate(times)]


async def test_between_two_times_also_far_back(store: SqliteStore) -> None:
    everything = logins(1000)
    await write(store, *everything)
    wanted = Wanted(since=everything[300].at, until=everything[305].at)
    assert [each async for each in latest(store.accounts, wanted, 100)] == everything[300:305]
    assert [each async for each in latest(store.accounts, wanted, 2)] == everything[303:305]
    assert [each async for each in latest(store.accounts, Wanted(), 3)] == everything[-3:]


async def test_of_one_account_and_one_action(store: SqliteStore) -> None:
    await write(store, *logins(3), *logins(3, EVE))
    assert {each.actor async for each in latest(store.accounts, Wanted(account=EVE), 100)} == {EVE}
    assert [each async for each in latest(store.accounts, Wanted(action="logout"), 100)] == []


async def test_followed_each_comes_once_also_one_that_is_late(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "LOOK_S", 0.01)
    await write(store, *logins(5))
    found: list[AuditRecord] = []
    arrived = asyncio.Event()

    async def follow() -> None:
        async for record in following(store.accounts, Wanted(), 2):
            found.append(record)
            arrived.set()

    async def wait_for(count: int) -> None:
        async with asyncio.timeout(10):
            while len(found) < count:
                arrived.clear()
                await arrived.wait()

    task = asyncio.create_task(follow())
    try:
        await wait_for(2)
        new, late = logins(2, EVE, begun_s=10), logins(1, EVE, begun_s=-20)
        await write(store, *new)
        await wait_for(4)
        await write(store, *late)
        await wait_for(5)
        await asyncio.sleep(0.05)  # a few looks more bring nothing twice
        assert [each.id for each in found] == ["ada0-3", "ada0-4", "eve10-0", "eve10-1", "eve-20-0"]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
