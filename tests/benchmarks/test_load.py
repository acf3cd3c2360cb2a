"""The load test of the whole set, with a few people for a few seconds: it starts, and says what it promises."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.load import is_good, measured, table
from tests import redis_server
from tests.deploy import nginx

PEOPLE = 4
NEEDED = {"cc": shutil.which("cc"), "nginx": nginx.binary(), "redis-server": redis_server.binary()}


@pytest.mark.skipif(
    not all(NEEDED.values()), reason=f"not all of {', '.join(NEEDED)} here: scripts/install-debian.sh test"
)
def test_a_few_people_are_served_and_each_process_is_accounted_for() -> None:
    (row,) = measured([PEOPLE], tokens=20, think_s=0.5, seconds=4)

    assert row["errors"] == 0, row["first_errors"]
    assert row["answers"] >= PEOPLE
    assert row["tokens"] >= 20 * row["answers"] / 2
    assert row["first_token_ms"]["p50"] > 0
    assert row["token_late_ms"]["p50"] > 0
    assert row["mongo_per_answer"]["commitTransaction"] >= 1
    assert row["redis_per_answer"]["input_bytes"] > 0
    assert row["redis_per_answer"]["publish"] >= 1
    assert row["stored_bytes_per_answer"]["messages"] > 20 * len("zq0000123456789a ")
    assert row["waited_ms"]["store commit"] > 0
    assert row["sockets"]["nginx"] >= 2 * PEOPLE
    assert row["sockets"]["replica 1"] + row["sockets"]["replica 2"] >= PEOPLE
    assert sum(row["cpu_cores"].values()) > 0
    for name in ("replica 1", "replica 2", "nginx", "Redis", "SecantusDB", "fake Ollama", "crowd"):
        assert f"| {name} |" in table(row)


def test_a_step_is_good_only_where_nobody_waits_and_nobody_is_refused() -> None:
    good = {"first_token_ms": {"p95": 900.0}, "stalls": 0, "errors": 0}

    assert is_good(good)
    assert not is_good({**good, "first_token_ms": {"p95": 1001.0}})
    assert not is_good({**good, "first_token_ms": {}})
    assert not is_good({**good, "stalls": 1})
    assert not is_good({**good, "errors": 1})
