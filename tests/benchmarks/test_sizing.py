"""The arithmetic behind docs/operators/sizing.md."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.sizing import WORKED, Cost, People, cores, costs, needed, table


def row(tokens: int, cpu_ms: dict[str, float]) -> dict[str, Any]:
    return {
        "tokens_an_answer": tokens, "cpu_ms_per_answer": cpu_ms, "tokens": 1000, "bytes_received": 150_000,
        "redis_per_answer": {"publish": 3.0},
    }  # fmt: skip


SHORT = row(20, {"replica 1": 6.0, "replica 2": 6.0, "nginx": 2.0, "Redis": 1.0, "crowd": 9.0})
LONG = row(200, {"replica 1": 15.0, "replica 2": 15.0, "nginx": 5.6, "Redis": 1.0, "crowd": 9.0})


def test_two_lengths_tell_an_answers_cost_from_a_tokens() -> None:
    found = costs(SHORT, LONG)

    assert found["replica"].token == pytest.approx(0.0001)  # 18 ms more for 180 tokens more, both replicas together
    assert found["replica"].answer == pytest.approx(0.010)
    assert found["nginx"].token == pytest.approx(0.00002)
    assert found["nginx"].answer == pytest.approx(0.0016)
    assert found["Redis"] == Cost(0.001, 0.0)


def test_people_who_ask_keep_answers_going() -> None:
    people = People(accounts=1000, present=360, asks_every_s=180, tokens=300)

    assert people.answers_per_s == 2
    assert people.tokens_per_s == 600
    assert people.streams == 30
    assert cores(people, Cost(0.010, 0.0001)) == pytest.approx(0.08)


def test_what_is_needed_grows_with_people_and_never_falls_below_two_replicas() -> None:
    found = costs(SHORT, LONG)
    few, many = needed(People(10, 10), found, LONG), needed(People(100_000, 36_000), found, LONG)

    assert few["replicas"] == 2
    assert many["cores of replicas"] == pytest.approx(200 * 0.010 + 60_000 * 0.0001 + 36_000 * 2e-5)
    assert many["replicas"] == 15  # 8.72 cores, each process filled to 0.6
    assert many["signals/s to each replica"] == 600
    assert many["MongoDB transactions/s, at most"] == 2 * 200 + 15
    assert many["to people, Mbit/s"] == pytest.approx(72)


def test_the_table_has_a_column_for_each_example() -> None:
    found = costs(SHORT, LONG)
    lines = table([needed(people, found, LONG) for people in WORKED]).splitlines()

    assert lines[0] == "| accounts | 200 | 2,000 | 20,000 | 100,000 | 100,000 |"
    assert {line.count("|") for line in lines} == {len(WORKED) + 2}
