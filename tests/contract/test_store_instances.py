"""What every store keeps of the processes that use it: who lives, and what the dead left."""

from __future__ import annotations

import asyncio

import msgspec

from jupyter_aichat.domain.ids import ChatId, InstanceId, new_id
from jupyter_aichat.domain.run import FIRST_EPOCH, NOBODYS_EPOCH, RunEnd
from jupyter_aichat.stores.base import Store
from tests.contract.store_turns import ADA, HERE, THERE, begun, finish, turn

THIRD = InstanceId("third")


async def dead(store: Store) -> list[InstanceId]:
    """Who has lapsed in the eyes of this process."""
    return [each.instance for each in await store.lapsed(HERE)]


async def until_dead(store: Store, instance: InstanceId) -> None:
    """Look until this one alone has lapsed: some stores must watch for a while to know."""
    async with asyncio.timeout(10):
        while (found := await dead(store)) != [instance]:
            assert found == []
            await asyncio.sleep(0.05)


async def test_who_lives_is_not_lapsed(store: Store, other: Store) -> None:
    await store.join(HERE)
    await other.join(THERE)
    for _ in range(3):
        await store.beat(HERE)
        await other.beat(THERE)
        assert await store.lapsed(HERE) == ()
        assert await other.lapsed(THERE) == ()


async def test_who_is_gone_without_leaving_is_lapsed_until_somebody_takes_it_away(store: Store, other: Store) -> None:
    await store.join(HERE)
    await other.join(THERE)
    await other.close()
    await until_dead(store, THERE)
    await store.leave(THERE)
    assert await store.lapsed(HERE) == ()


async def test_who_left_is_not_lapsed(store: Store, other: Store) -> None:
    await store.join(HERE)
    await other.join(THERE)
    await other.leave(THERE)
    assert await store.lapsed(HERE) == ()


async def test_who_left_while_a_run_went_on_is_lapsed_until_it_has_ended(store: Store, other: Store) -> None:
    await store.join(HERE)
    await other.join(THERE)
    run = (await begun(other)).record.run
    await store.claim(ADA, run.id, 1, THERE)
    assert await store.lapsed(HERE) == ()
    await other.leave(THERE)
    assert await dead(store) == [THERE]
    await store.end_run(ADA, run.id, 2, RunEnd("interrupted"))
    assert await store.lapsed(HERE) == ()


async def test_joining_and_leaving_twice_is_like_once(store: Store, other: Store) -> None:
    await other.join(THERE)
    for _ in range(2):
        await store.join(HERE)
    assert await other.lapsed(THERE) == ()
    for _ in range(2):
        await store.leave(HERE)
    assert await other.lapsed(THERE) == ()


async def test_many_look_at_once_and_nobody_living_is_taken_for_dead(store: Store, other: Store) -> None:
    await store.join(HERE)
    await other.join(THERE)
    looks = [look.lapsed(THIRD) for _ in range(50) for look in (store, other)]
    assert set(await asyncio.gather(*looks)) == {()}


async def test_orphans_are_the_runs_that_have_not_ended(store: Store) -> None:
    mine, done, theirs = [await begun(store) for _ in range(3)]
    await finish(store, done)
    claimed = await store.claim(ADA, theirs.record.run.id, 1, THERE)
    assert await store.orphans([HERE]) == (mine.record,)
    assert await store.orphans([THERE]) == (claimed,)
    assert set(await store.orphans([HERE, THERE, THIRD])) == {mine.record, claimed}
    assert await store.orphans([]) == ()


async def test_what_was_never_anybodys_is_unclaimed_until_one_claims_it(store: Store, other: Store) -> None:
    first = turn("send", ChatId(new_id()))
    record = msgspec.structs.replace(first.record, instance=None, epoch=NOBODYS_EPOCH)
    offered = await store.commit(msgspec.structs.replace(first, create_chat=True, title="hi", record=record))
    assert await other.unclaimed(10) == (offered.record,)
    assert await other.lapsed(THERE) == ()
    run_id = offered.record.run.id
    claims = await asyncio.gather(*(each.claim(ADA, run_id, NOBODYS_EPOCH, THIRD) for each in (store, other)))
    [claimed] = [each for each in claims if each is not None]
    assert (claimed.instance, claimed.epoch) == (THIRD, FIRST_EPOCH)
    assert await other.unclaimed(10) == ()
