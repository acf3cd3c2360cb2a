"""What every bus keeps: logs that are whole or say that they are not, and signals."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.bus.base import KEPT_TRIMMED, Appended, Bus, Entry
from jupyter_aichat.bus.local import KEPT_BYTES, KEPT_ENDED, KEPT_ENTRIES, LocalBus
from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.domain.run import seq_of
from tests.contract.bus_targets import EXPIRE_S

RUN, BESIDE = RunId("r1"), RunId("r2")
NOTHING = Appended()


def entries(run: RunId, numbers: Sequence[int], epoch: int = 1) -> list[Entry]:
    return [Entry(run, seq_of(epoch, n), b'"%d"' % n, begins=n == 1) for n in numbers]


async def numbers(bus: Bus, run: RunId, after: int, limit: int = 1000) -> list[int] | None:
    found = await bus.read(run, after, limit)
    return None if found is None else [entry.seq for entry in found]


async def test_a_log_is_read_from_any_place(bus: Bus) -> None:
    written = entries(RUN, range(1, 11))
    assert await bus.append(written) == NOTHING
    assert await bus.read(RUN, 0, 100) == tuple(written)
    for n in range(1, 11):
        assert await bus.read(RUN, seq_of(1, n), 100) == tuple(written[n:])
    assert await bus.read(RUN, seq_of(1, 99), 100) == ()
    assert await bus.read(RUN, seq_of(1, 2), 3) == tuple(written[2:5])


async def test_what_nobody_wrote_is_no_log(bus: Bus) -> None:
    assert await bus.read(RUN, 0, 10) is None
    assert await bus.read(RUN, seq_of(1, 5), 10) is None


async def test_many_runs_are_appended_in_one_go_and_kept_apart(bus: Bus) -> None:
    mixed = [entry for n in range(1, 4) for run in (RUN, BESIDE) for entry in entries(run, [n])]
    assert await bus.append(mixed) == NOTHING
    for run in (RUN, BESIDE):
        assert await bus.read(run, 0, 10) == tuple(entries(run, [1, 2, 3]))
    assert await bus.append([]) == NOTHING


async def test_an_old_owner_is_refused_and_the_others_are_not(bus: Bus) -> None:
    await bus.append([*entries(RUN, [1, 2, 3]), *entries(RUN, [1], epoch=2)])
    assert await bus.append([*entries(RUN, [4]), *entries(BESIDE, [1])]) == Appended(refused=frozenset({RUN}))
    assert await bus.append(entries(RUN, [1], epoch=2)) == Appended(refused=frozenset({RUN}))
    assert await numbers(bus, RUN, seq_of(1, 3)) == [seq_of(2, 1)]
    assert await numbers(bus, BESIDE, 0) == [seq_of(1, 1)]
    assert await bus.append(entries(RUN, [2], epoch=2)) == NOTHING


async def test_a_log_that_is_gone_begins_anew_with_what_a_reader_can_begin_with(bus: Bus) -> None:
    assert await bus.append([*entries(RUN, [5, 6]), *entries(BESIDE, [1])]) == Appended(missing=frozenset({RUN}))
    assert await bus.read(RUN, 0, 10) is None
    snapshot = Entry(RUN, seq_of(1, 7), b"{}", begins=True)
    assert await bus.append([snapshot, *entries(RUN, [8])]) == NOTHING
    for after in (0, seq_of(1, 3), seq_of(1, 6)):
        assert await bus.read(RUN, after, 10) == (snapshot, *entries(RUN, [8]))


async def test_a_hole_is_no_log_until_something_begins_after_it(bus: Bus) -> None:
    await bus.append(entries(RUN, [1, 2, 4]))
    assert await bus.read(RUN, 0, 10) is None
    assert await numbers(bus, RUN, 0, 2) == [seq_of(1, 1), seq_of(1, 2)]
    assert await bus.read(RUN, seq_of(1, 2), 10) is None
    assert await numbers(bus, RUN, seq_of(1, 3)) == [seq_of(1, 4)]
    await bus.append([Entry(RUN, seq_of(1, 9), b"{}", begins=True)])
    assert await numbers(bus, RUN, seq_of(1, 4)) == [seq_of(1, 9)]


async def test_what_was_trimmed_is_said_to_be_missing_and_the_newest_stay(bus: Bus) -> None:
    assert KEPT_TRIMMED <= 256
    await bus.append(entries(RUN, range(1, 501)))
    await bus.trim({RUN: seq_of(1, 490), BESIDE: seq_of(1, 1)})
    assert await bus.read(RUN, 0, 10) is None
    assert await bus.read(RUN, seq_of(1, 20), 10) is None
    assert await numbers(bus, RUN, seq_of(1, 490 - KEPT_TRIMMED)) == [
        seq_of(1, n) for n in range(491 - KEPT_TRIMMED, 501)
    ]
    await bus.trim({RUN: seq_of(1, 2)})
    assert await numbers(bus, RUN, seq_of(1, 498)) == [seq_of(1, 499), seq_of(1, 500)]
    assert await bus.append(entries(RUN, [500])) == Appended(refused=frozenset({RUN}))
    assert await bus.append(entries(RUN, [501])) == NOTHING
    assert await bus.read(BESIDE, 0, 10) is None


# Following


class Heard:
    """What a follower was given, each entry once."""

    def __init__(self, bus: Bus, run: RunId = RUN, after: int = 0) -> None:
        self.entries: list[Entry] = []
        self.unfollow = bus.follow(run, after, self.entries.extend)

    async def until(self, seq: int) -> list[int]:
        async with asyncio.timeout(5):
            while not self.entries or self.entries[-1].seq < seq:
                await asyncio.sleep(0.001)
        return [entry.seq for entry in self.entries]


async def test_a_follower_gets_what_is_there_and_what_comes_each_once(bus: Bus) -> None:
    early = Heard(bus)
    await bus.append([*entries(RUN, [1, 2, 3]), *entries(BESIDE, [1, 2])])
    late, beside = Heard(bus, after=seq_of(1, 2)), Heard(bus, BESIDE)
    for n in range(4, 30):
        await bus.append(entries(RUN, [n]))
    whole = [seq_of(1, n) for n in range(1, 30)]
    assert await early.until(whole[-1]) == whole
    assert await late.until(whole[-1]) == whole[2:]
    assert early.entries == entries(RUN, range(1, 30))
    assert await beside.until(seq_of(1, 2)) == whole[:2]


async def test_a_follower_of_a_place_ahead_hears_what_comes_after_it(bus: Bus) -> None:
    await bus.append(entries(RUN, [1, 2]))
    ahead = Heard(bus, after=seq_of(1, 9))
    await bus.append([*entries(RUN, [3]), Entry(RUN, seq_of(2, 1), b"{}", begins=True)])
    assert await ahead.until(seq_of(2, 1)) == [seq_of(2, 1)]


async def test_who_unfollows_hears_no_more(bus: Bus) -> None:
    at_once, beside = Heard(bus), Heard(bus)
    at_once.unfollow()
    await bus.append(entries(RUN, [1]))
    await beside.until(seq_of(1, 1))
    beside.unfollow()
    beside.unfollow()
    other = Heard(bus)
    await bus.append(entries(RUN, [2]))
    await other.until(seq_of(1, 2))
    assert at_once.entries == []
    assert beside.entries == entries(RUN, [1])


async def test_a_log_is_there_a_while_after_the_end_and_then_gone(bus: Bus) -> None:
    loop = asyncio.get_running_loop()
    await bus.append([*entries(RUN, [1, 2]), *entries(BESIDE, [1])])
    begun = loop.time()
    await bus.expire(RUN)
    await bus.expire(RUN)
    assert await numbers(bus, RUN, 0) == [seq_of(1, 1), seq_of(1, 2)]
    async with asyncio.timeout(5):
        while await bus.read(RUN, 0, 10) is not None:
            await asyncio.sleep(0.01)
    assert loop.time() - begun >= EXPIRE_S * 0.9
    assert await numbers(bus, BESIDE, 0) == [seq_of(1, 1)]
    await bus.expire(RunId("unknown"))


@given(st.lists(st.integers(1, 900), min_size=1, max_size=6), st.integers(0, 2500), st.integers(1, 600))
def test_a_log_is_bounded_and_never_has_a_hole(batches: list[int], after: int, limit: int) -> None:
    async def check() -> None:
        bus, n = LocalBus(), 0
        for size in batches:
            await bus.append(entries(RUN, range(n + 1, n + size + 1)))
            n += size
        read = await numbers(bus, RUN, seq_of(1, after) if after else 0, limit)
        if after < n - KEPT_ENTRIES:
            assert read is None
        else:
            assert read == [seq_of(1, each) for each in range(after + 1, n + 1)][:limit]

    asyncio.run(check())


async def test_the_local_log_is_bounded_in_bytes() -> None:
    bus = LocalBus()
    size = KEPT_BYTES // 4
    for n in range(1, 11):
        await bus.append([Entry(RUN, seq_of(1, n), bytes(size), begins=n == 1)])
    kept = await bus.read(RUN, seq_of(1, 8), 10)
    assert kept is not None
    assert await bus.read(RUN, seq_of(1, 5), 10) is None
    await bus.append([Entry(RUN, seq_of(1, 11), bytes(2 * KEPT_BYTES))])
    assert await numbers(bus, RUN, seq_of(1, 10)) == [seq_of(1, 11)]


async def test_signals_reach_all_subscribers_of_their_topic(bus: Bus) -> None:
    heard: list[tuple[str, bytes]] = []
    stop = [bus.subscribe(topic, lambda data, name=name: heard.append((name, data)))  # type: ignore[misc]
            for name, topic in (("a", "t"), ("b", "t"), ("c", "other"))]  # fmt: skip
    await bus.publish("t", b"1")
    await _until(heard, 2)
    stop[0]()
    stop[0]()
    await bus.publish("t", b"2")
    await bus.publish("nobody", b"3")
    await bus.publish("other", b"4")
    await _until(heard, 4)
    assert sorted(heard) == [("a", b"1"), ("b", b"1"), ("b", b"2"), ("c", b"4")]


async def _until(heard: list[tuple[str, bytes]], count: int) -> None:
    async with asyncio.timeout(5):
        while len(heard) < count:
            await asyncio.sleep(0.001)


async def test_a_subscriber_may_unsubscribe_while_it_is_called(bus: Bus) -> None:
    heard: list[bytes] = []

    def once(data: bytes) -> None:
        heard.append(data)
        forget()

    forget = bus.subscribe("t", once)
    bus.subscribe("t", heard.append)
    await bus.publish("t", b"1")
    await bus.publish("t", b"2")
    async with asyncio.timeout(5):
        while len(heard) < 3:
            await asyncio.sleep(0.001)
    assert heard == [b"1", b"1", b"2"]


async def test_it_answers(bus: Bus) -> None:
    await bus.ping()
    assert bus.silence_s > 0
    assert 0 < bus.tick_s <= 0.25


async def test_closed_a_process_alone_has_forgotten() -> None:
    bus = LocalBus()
    await bus.append(entries(RUN, [1]))
    await bus.expire(RUN)
    await bus.close()
    await bus.open()
    assert await bus.read(RUN, 0, 10) is None


async def test_a_process_alone_keeps_so_many_ended_logs_and_no_more() -> None:
    bus = LocalBus()
    runs = [RunId(f"r{n}") for n in range(KEPT_ENDED + 5)]
    for run in runs:
        await bus.append(entries(run, [1]))
        await bus.expire(run)
    assert [run for run in runs if await bus.read(run, 0, 1) is None] == runs[:5]
    assert len(bus._logs) == len(bus._expiring) == KEPT_ENDED
    await bus.close()
