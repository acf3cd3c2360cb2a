"""Whatever is appended, in whatever order, a bus says the same of it as a list does."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_aichat.bus.base import Appended, Bus, Entry, is_whole
from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.domain.run import seq_of
from jupyter_aichat.redis_connection import RedisConnection
from tests.contract import bus_targets

RUNS = [RunId("a"), RunId("b"), RunId("c")]

entries = st.builds(
    Entry,
    st.sampled_from(RUNS),
    st.builds(seq_of, st.integers(1, 3), st.integers(1, 9)),
    st.binary(max_size=20),
    st.booleans(),
)
steps = st.lists(st.tuples(st.lists(entries, max_size=8), st.sampled_from(RUNS), st.integers(0, 30)), max_size=12)


class Model:
    """Logs as lists."""

    def __init__(self) -> None:
        self.logs: dict[RunId, list[Entry]] = {}

    def append(self, batch: list[Entry]) -> Appended:
        refused, missing = set(), set()
        for entry in batch:
            log = self.logs.get(entry.run_id, [])
            if not log and not entry.begins:
                missing.add(entry.run_id)
            elif log and entry.seq <= log[-1].seq:
                refused.add(entry.run_id)
            else:
                self.logs.setdefault(entry.run_id, []).append(entry)
        return Appended(frozenset(refused), frozenset(missing))

    def read(self, run: RunId, after: int, limit: int) -> tuple[Entry, ...] | None:
        if run not in self.logs:
            return None
        found = tuple(entry for entry in self.logs[run] if entry.seq > after)[:limit]
        return found if is_whole(found, after) else None


@pytest.mark.parametrize("target", sorted(bus_targets.TARGETS))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(played=steps)
def test_a_bus_is_a_list_for_each_run(
    target: str, request: pytest.FixtureRequest, played: list[tuple[list[Entry], RunId, int]]
) -> None:
    def connect() -> RedisConnection:
        return RedisConnection(url=request.getfixturevalue("redis").url, prefix=f"{uuid.uuid4().hex}:")

    asyncio.run(_play(bus_targets.TARGETS[target](connect), played))


async def _play(bus: Bus, played: list[tuple[list[Entry], RunId, int]]) -> None:
    model = Model()
    heard: dict[RunId, list[Entry]] = {run: [] for run in RUNS}
    await bus.open()
    try:
        for run in RUNS:
            bus.follow(run, 0, heard[run].extend)
        for batch, run, place in played:
            assert await bus.append(batch) == model.append(batch)
            await bus.trim({run: seq_of(1, place)})
            for after in (0, seq_of(place // 10, place % 10)):
                assert await bus.read(run, after, 5) == model.read(run, after, 5)
        async with asyncio.timeout(5):
            while any(heard[run] != model.logs.get(run, []) for run in RUNS):
                await asyncio.sleep(0.002)
    finally:
        await bus.close()
