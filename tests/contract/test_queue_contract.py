"""What every line before a model keeps: room, bounds, turns, leases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_aichat.cache.base import Bounds, Queue, Reserved, Ticket
from jupyter_aichat.cache.local_queue import LocalQueue
from jupyter_aichat.cache.redis_queue import RedisQueue
from jupyter_aichat.domain.ids import InstanceId, OwnerId, RunId, new_id
from tests.contract import queue_targets
from tests.contract.bus_targets import Connect

LINE = "ollama/llama3.2:1b"
HERE, THERE = InstanceId("here"), InstanceId("there")
ROOMY = Bounds(capacity=1, per_owner=100, waiting=1000)


def ticket(name: str, owner: str | None = None) -> Ticket:
    """A ticket; its owner is the first letter of its name."""
    return Ticket(RunId(name), OwnerId(owner or name[0]))


async def take(queue: Queue, name: str, bounds: Bounds = ROOMY, instance: InstanceId = HERE) -> Reserved:
    return await queue.reserve(LINE, instance, ticket(name), bounds)


async def give_back(queue: Queue, *names: str, capacity: int = 1, instance: InstanceId = HERE) -> list[str]:
    return list(await queue.release(LINE, instance, [RunId(name) for name in names], capacity))


async def drain(queue: Queue, first: str) -> list[str]:
    """Release one after another; return who was admitted, in order."""
    order = [first]
    while granted := await give_back(queue, order[-1]):
        order += granted
    return order


async def test_so_many_are_admitted_and_the_others_wait_in_line(queue: Queue) -> None:
    bounds = Bounds(capacity=2, per_owner=9, waiting=9)
    places = [await take(queue, name, bounds) for name in ("a", "b", "c", "d")]
    assert [place.position for place in places] == [0, 0, 1, 2]
    assert await give_back(queue, "a", capacity=2) == ["c"]
    assert (await take(queue, "e", bounds)).position == 2


async def test_lines_do_not_know_each_other(queue: Queue) -> None:
    await take(queue, "a")
    assert (await queue.reserve("ollama/other", HERE, ticket("b"), ROOMY)).position == 0


async def test_owners_take_turns_whatever_the_number_of_their_tickets(queue: Queue) -> None:
    for name in ("a1", "a2", "a3", "a4", "b1", "b2", "c1"):
        await take(queue, name)
    assert await drain(queue, "a1") == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


async def test_who_was_not_served_yet_is_before_those_who_were(queue: Queue) -> None:
    for name in ("a1", "a2", "a3"):
        await take(queue, name)
    assert (await take(queue, "b1")).position == 1


async def test_who_leaves_the_line_loses_no_turn(queue: Queue) -> None:
    for name in ("x", "a1", "b1", "a2", "b2", "a3", "b3"):
        await take(queue, name)
    assert await give_back(queue, "a1", "a2") == []
    assert await drain(queue, "x") == ["x", "b1", "a3", "b2", "b3"]


async def test_an_owner_has_so_many_places_and_no_more(queue: Queue) -> None:
    bounds = Bounds(capacity=1, per_owner=2, waiting=9)
    assert [(await take(queue, name, bounds)).refused for name in ("a1", "a2", "a3", "b1")] == [
        None, None, "owner", None,
    ]  # fmt: skip
    await give_back(queue, "a2")
    assert (await take(queue, "a3", bounds)).refused is None


async def test_so_many_wait_and_no_more(queue: Queue) -> None:
    bounds = Bounds(capacity=1, per_owner=9, waiting=2)
    assert [(await take(queue, name, bounds)).refused for name in "abcd"] == [None, None, None, "all"]
    await give_back(queue, "c")
    assert (await take(queue, "d", bounds)).position == 2


async def test_nobody_may_wait_where_the_bound_is_zero(queue: Queue) -> None:
    bounds = Bounds(capacity=2, per_owner=9, waiting=0)
    assert [(await take(queue, name, bounds)).refused for name in "abc"] == [None, None, "all"]


async def test_what_was_refused_has_no_place(queue: Queue) -> None:
    bounds = Bounds(capacity=1, per_owner=1, waiting=1)
    for name in ("a1", "b1", "c1", "a2"):
        await take(queue, name, bounds)
    assert await drain(queue, "a1") == ["a1", "b1"]


async def test_releasing_twice_or_nothing_is_nothing(queue: Queue) -> None:
    await take(queue, "a")
    await take(queue, "b")
    assert await give_back(queue, "never") == []
    assert await give_back(queue, "a", "a") == ["b"]
    assert await give_back(queue, "a") == []
    assert await give_back(queue, "b") == []
    assert (await take(queue, "c")).position == 0


async def test_only_who_has_a_place_gives_it_back(queue: Queue) -> None:
    await take(queue, "a")
    await take(queue, "b")
    assert await give_back(queue, "a", instance=THERE) == []
    assert await give_back(queue, "a") == ["b"]


async def test_reserving_again_changes_nothing(queue: Queue) -> None:
    for name in ("a", "b", "c"):
        await take(queue, name)
    assert [(await take(queue, name)).position for name in "abc"] == [0, 1, 2]


async def test_an_instance_that_says_nothing_for_a_lease_has_no_places(queue: Queue) -> None:
    await take(queue, "a1", instance=THERE)
    await take(queue, "a2", instance=THERE)
    assert (await take(queue, "b")).position > 0
    async with asyncio.timeout(5):
        while not (standing := await queue.sync(LINE, HERE, [], [ticket("b")], 1)).admitted:
            await asyncio.sleep(0.02)
    assert standing.admitted == ("b",)
    assert (await take(queue, "c")).position == 1


async def test_an_instance_that_syncs_keeps_its_places(queue: Queue) -> None:
    await take(queue, "a", instance=THERE)
    await take(queue, "b")
    loop = asyncio.get_running_loop()
    until = loop.time() + 2.5 * queue_targets.LEASE_S
    while loop.time() < until:
        await queue.sync(LINE, THERE, [ticket("a")], [], 1)
        standing = await queue.sync(LINE, HERE, [], [ticket("b")], 1)
        assert standing.positions == {"b": 1}
        await asyncio.sleep(0.05)


async def test_a_line_that_lost_its_memory_is_made_again_from_what_the_living_say(queue: Queue) -> None:
    """Redis came back empty: who was admitted stays it, also beyond the capacity, and who waits, waits."""
    first = await queue.sync(LINE, HERE, [ticket("a1"), ticket("b1")], [ticket("a2")], 1)
    assert (first.admitted, first.positions) == ((), {"a2": 1})
    second = await queue.sync(LINE, THERE, [ticket("c1")], [ticket("c2"), ticket("d1")], 1)
    assert (second.admitted, sorted(second.positions.values())) == ((), [2, 3])
    assert await give_back(queue, "a1", "b1") == []
    assert (await take(queue, "e")).position == 4
    assert await _admitted_after(queue, THERE, [ticket("c1")], [ticket("c2"), ticket("d1")], capacity=2)


async def test_a_line_that_lost_its_memory_admits_nobody_until_the_others_have_spoken(queue: Queue) -> None:
    """Else whoever comes first takes the room of those who were admitted long ago."""
    assert (await queue.sync(LINE, HERE, [], [ticket("a")], 1)).admitted == ()
    assert (await queue.sync(LINE, THERE, [ticket("b")], [], 1)).granted == ()
    assert await give_back(queue, "b", instance=THERE) == []
    assert await _admitted_after(queue, HERE, [], [ticket("a")], capacity=1) == ("a",)


async def _admitted_after(
    queue: Queue, instance: InstanceId, admitted: list[Ticket], waiting: list[Ticket], capacity: int
) -> tuple[str, ...]:
    async with asyncio.timeout(5):
        while not (standing := await queue.sync(LINE, instance, admitted, waiting, capacity)).admitted:
            await asyncio.sleep(0.02)
    return standing.admitted


async def test_a_sync_gives_back_what_it_does_not_name_and_takes_up_what_was_missed(queue: Queue) -> None:
    await take(queue, "a")
    await take(queue, "b", instance=THERE)
    await take(queue, "c", instance=THERE)
    standing = await queue.sync(LINE, HERE, [], [], 1)
    assert standing.granted == ("b",)
    standing = await queue.sync(LINE, THERE, [], [ticket("b"), ticket("c")], 1)
    assert (standing.admitted, dict(standing.positions)) == (("b",), {"c": 1})


async def test_a_run_that_is_taken_over_keeps_its_place(queue: Queue) -> None:
    for name in ("a", "b", "c"):
        await take(queue, name, instance=THERE)
    assert [(await take(queue, name)).position for name in ("a", "c")] == [0, 2]
    assert await give_back(queue, "a", instance=THERE) == []
    assert (await queue.sync(LINE, THERE, [ticket("a")], [ticket("b")], 1)).positions == {"b": 1}
    assert await give_back(queue, "a") == ["b"]


async def test_a_run_whose_place_is_gone_is_next_and_never_refused(queue: Queue) -> None:
    bounds = Bounds(capacity=1, per_owner=1, waiting=1)
    await take(queue, "a1", bounds)
    await take(queue, "b1", bounds)
    again = await queue.reserve(LINE, HERE, ticket("a2"), bounds, ahead=True)
    assert (again.refused, again.position) == (None, 1)
    assert await drain(queue, "a1") == ["a1", "a2", "b1"]


async def test_more_room_is_used_at_the_next_look(queue: Queue) -> None:
    for name in "abc":
        await take(queue, name)
    standing = await queue.sync(LINE, HERE, [ticket("a")], [ticket("b"), ticket("c")], 2)
    assert (standing.admitted, dict(standing.positions)) == (("b",), {"c": 1})


async def test_the_present_are_counted_for_a_lease(queue: Queue) -> None:
    assert await queue.present(HERE) == 1
    assert await queue.present(THERE) == 2
    async with asyncio.timeout(5):
        while await queue.present(HERE) != 1:
            await asyncio.sleep(0.02)


async def test_of_many_at_once_so_many_are_admitted(queue: Queue) -> None:
    bounds = Bounds(capacity=3, per_owner=9, waiting=99)
    names = [f"{letter}{n}" for letter in "abcde" for n in range(5)]
    places = await asyncio.gather(*(take(queue, name, bounds) for name in names))
    admitted = [ticket(name) for name, place in zip(names, places, strict=True) if place.position == 0]
    waiting = [ticket(name) for name, place in zip(names, places, strict=True) if place.position > 0]
    standing = await queue.sync(LINE, HERE, admitted, waiting, 3)
    assert (len(admitted), sorted(standing.positions.values())) == (3, list(range(1, 23)))


STEPS = st.lists(
    st.tuples(st.sampled_from(("take", "take", "take", "leave", "end", "end")), st.sampled_from("abcd"), st.integers(0, 7)),
    max_size=60,
)  # fmt: skip


class Model:
    """Who is admitted and who waits, in order, as the answers of a line tell it; checks the promises."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.admitted: list[str] = []
        self.waiting: list[str] = []
        self.since: dict[str, dict[str, int]] = {}

    def took(self, name: str, reserved: Reserved) -> None:
        own = [each for each in (*self.admitted, *self.waiting) if each[0] == name[0]]
        if len(own) >= self.bounds.per_owner:
            assert reserved.refused == "owner"
        elif len(self.waiting) >= self.bounds.waiting and len(self.admitted) >= self.bounds.capacity:
            assert reserved.refused == "all"
        elif len(self.admitted) < self.bounds.capacity:
            assert (reserved.position, reserved.refused) == (0, None)
            self.grant(name)
        else:
            assert reserved.refused is None
            assert 1 <= reserved.position <= len(self.waiting) + 1
            self.waiting.append(name)
            if not any(each[0] == name[0] for each in self.waiting[:-1]):
                self.since[name[0]] = {}

    def grant(self, name: str) -> None:
        if name in self.waiting:
            self.waiting.remove(name)
            first = next(each for each in (name, *self.waiting) if each[0] == name[0])
            assert first == name or all(int(each[1:]) > int(name[1:]) for each in self.waiting if each[0] == name[0])
        self.admitted.append(name)
        for owner in {each[0] for each in self.waiting} - {name[0]}:
            counts = self.since[owner]
            counts[name[0]] = counts.get(name[0], 0) + 1
            assert counts[name[0]] <= 2, f"{name[0]} was served more than twice while {owner} waited"
        self.since[name[0]] = {}

    def left(self, name: str, granted: list[str]) -> None:
        for names in (self.admitted, self.waiting):
            if name in names:
                names.remove(name)
        for each in granted:
            self.grant(each)
        assert len(self.admitted) == min(self.bounds.capacity, len(self.admitted) + len(self.waiting))


@pytest.mark.parametrize("target", sorted(queue_targets.TARGETS))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, capacity=st.integers(1, 3), per_owner=st.integers(1, 6), waiting=st.integers(0, 12))
def test_whatever_happens_room_bounds_and_turns_hold(
    target: str,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
    connect: Connect,
    steps: list[Any],
    capacity: int,
    per_owner: int,
    waiting: int,
) -> None:
    bounds = Bounds(capacity, per_owner, waiting)
    jp_asyncio_loop.run_until_complete(_play(queue_targets.TARGETS[target](connect), bounds, steps))


async def _play(queue: Queue, bounds: Bounds, steps: list[Any]) -> None:
    model = Model(bounds)
    line = new_id()
    await queue.open()
    try:
        for number, (step, owner, index) in enumerate(steps):
            names = model.admitted if step == "end" else [each for each in model.waiting if each[0] == owner]
            if step == "take":
                name = f"{owner}{number}"
                reserved = await queue.reserve(line, HERE, ticket(name), bounds)
                assert reserved.granted == ()
                model.took(name, reserved)
            elif names:
                name = names[index % len(names)]
                model.left(name, list(await queue.release(line, HERE, [RunId(name)], bounds.capacity)))
            standing = await queue.sync(
                line, HERE, [ticket(name) for name in model.admitted], [ticket(name) for name in model.waiting],
                bounds.capacity,
            )  # fmt: skip
            assert (standing.admitted, standing.granted) == ((), ())
            assert sorted(standing.positions.values()) == list(range(1, len(model.waiting) + 1))
    finally:
        await queue.close()


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(("reserve", "reserve", "ahead", "release", "sync")),
        st.sampled_from((HERE, THERE)),
        st.lists(st.sampled_from([f"{owner}{n}" for owner in "abé" for n in range(4)]), min_size=1, max_size=5, unique=True),
        st.integers(0, 5),
    ),
    max_size=40,
)  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS, capacity=st.integers(1, 3), waiting=st.integers(0, 4))
def test_redis_says_what_memory_says(
    jp_asyncio_loop: asyncio.AbstractEventLoop, connect: Connect, actions: list[Any], capacity: int, waiting: int
) -> None:
    bounds = Bounds(capacity, per_owner=3, waiting=waiting)
    jp_asyncio_loop.run_until_complete(_compare(LocalQueue(60), RedisQueue(connect(), 60), bounds, actions))


async def _compare(one: Queue, two: Queue, bounds: Bounds, actions: list[Any]) -> None:
    line = new_id()
    await two.open()
    try:
        for action in actions:
            assert await _do(one, line, bounds, *action) == await _do(two, line, bounds, *action), action
    finally:
        await two.close()


async def _do(
    queue: Queue, line: str, bounds: Bounds, what: str, instance: InstanceId, names: list[str], cut: int
) -> Any:
    tickets = [ticket(name) for name in names]
    if what == "release":
        return await queue.release(line, instance, [each.id for each in tickets], bounds.capacity)
    if what == "sync":
        return await queue.sync(line, instance, tickets[:cut], tickets[cut:], bounds.capacity)
    return await queue.reserve(line, instance, tickets[0], bounds, ahead=what == "ahead")
