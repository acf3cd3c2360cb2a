"""What every store keeps of the processes that use it: who lives, what the dead left, what others changed."""

from __future__ import annotations

import asyncio

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import ChatChanges
from jupyter_aichat.domain.ids import InstanceId
from jupyter_aichat.domain.run import RunEnd
from jupyter_aichat.stores.base import Store
from tests.contract.store_turns import ADA, HERE, THERE, begun, chat_named, finish, turn

THIRD = InstanceId("third")


async def dead(store: Store) -> list[InstanceId]:
    """Who has lapsed in the eyes of this process."""
    return [each.instance for each in await store.lapsed(HERE)]


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
    assert await dead(store) == [THERE]
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


async def test_one_hears_what_the_others_changed_and_not_oneself(store: Store, other: Store) -> None:
    await other.create_chat(ADA, chat_named("before"))
    position, changes = await store.changes(None)
    assert changes == ()
    assert await store.changes(position) == (position, ())
    chat = await other.create_chat(ADA, chat_named())
    sent = await other.commit(turn("send", chat.id, key="k"))
    await other.commit(turn("send", chat.id, key="k"))
    await store.create_chat(ADA, chat_named("mine"))
    begun_there = await begun(other)
    await other.change_chat(ADA, chat.id, ChatChanges(title="t"))
    await other.delete_chat(ADA, chat.id)
    after, changes = await store.changes(position)
    new = begun_there.record.run
    assert list(changes) == [
        Change(ADA, chat.id, "created"),
        Change(ADA, chat.id, "message", sent.reply.id, sent.record.run.id),
        Change(ADA, new.chat_id, "created"),
        Change(ADA, new.chat_id, "message", new.message_id, new.id),
        Change(ADA, chat.id, "updated"),
        Change(ADA, chat.id, "deleted"),
    ]
    assert after > position
    assert await store.changes(after) == (after, ())
    assert [change.change for change in (await other.changes(position))[1]] == ["created"]


async def test_what_was_refused_is_no_change(store: Store, other: Store) -> None:
    position, _ = await store.changes(None)
    committed = await begun(other)
    await asyncio.gather(
        other.commit(turn("send", committed.record.run.chat_id)),
        other.delete_chat(ADA, chat_named().id),
        return_exceptions=True,
    )
    _, changes = await store.changes(position)
    assert [change.change for change in changes] == ["created", "message"]
