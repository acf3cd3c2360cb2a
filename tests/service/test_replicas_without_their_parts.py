"""DESIGN of a run, 11, for real: replicas whose Redis or whose database is taken away in mid-answer, and comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import mongo_server
from tests.mongo_server import MongoServer
from tests.redis_server import RedisServer
from tests.service.processes import numbers, text_of, within
from tests.service.replicas import Reading, Replica, replica

LAST = 600
MODEL = f"counter-{LAST}-25"


@pytest.fixture
def mongo(tmp_path: Path) -> Iterator[MongoServer]:
    with mongo_server.running(tmp_path / "mongo", sync_on_commit=True) as server:
        yield server


@pytest.fixture
def two(tmp_path: Path, mongo: MongoServer, own_redis: RedisServer) -> Iterator[tuple[Replica, Replica]]:
    with ExitStack() as stack:
        model = f"--ScriptedProvider.names={MODEL}"

        def start(name: str) -> Replica:
            return stack.enter_context(replica(tmp_path, name, mongo.url, own_redis.url, model))

        yield start("first"), start("second")


def ready(process: Replica) -> dict[str, Any]:
    answer: dict[str, Any] = process.server.http.get("/ready").json()
    return answer


def read_everywhere(two: tuple[Replica, Replica]) -> tuple[dict[str, Any], list[Reading]]:
    """Begin an answer on the first, and read it on both."""
    sent = two[0].send(MODEL)
    readings = [Reading([each.server], sent["run"]["id"]) for each in two]
    within(10, lambda: all(len(reading.text.split()) > 100 for reading in readings))
    return sent, readings


def check_whole(readings: list[Reading], process: Replica, sent: dict[str, Any]) -> None:
    for reading in readings:
        within(40, lambda reading=reading: reading.finished)  # type: ignore[misc]
        assert reading.finished is not None
        assert (reading.finished["state"], reading.text) == ("completed", numbers(1, LAST))
        assert reading.connections == 1
    message = process.message(sent)
    assert (message["status"], text_of(message)) == ("completed", numbers(1, LAST))


@pytest.mark.slow
def test_without_redis_for_a_while_an_answer_goes_on_everywhere(
    two: tuple[Replica, Replica], own_redis: RedisServer
) -> None:
    """It comes back empty. New text reaches readers elsewhere also in between, by the store."""
    sent, readings = read_everywhere(two)
    own_redis.kill()
    within(2, lambda: ready(two[0])["parts"]["bus"] == "down")
    assert ready(two[0])["status"] == "degraded"
    before = [len(reading.text) for reading in readings]
    within(5, lambda: all(len(r.text) > b + 50 for r, b in zip(readings, before, strict=True)))
    own_redis.start()
    within(5, lambda: ready(two[0])["status"] != "degraded" or ready(two[0])["parts"]["bus"] == "ok")
    check_whole(readings, two[1], sent)
    assert two[1].message(sent)["continuations"] == []


@pytest.mark.slow
def test_without_the_database_for_longer_than_a_lease_an_answer_stands_still_and_goes_on(
    two: tuple[Replica, Replica], mongo: MongoServer
) -> None:
    sent, readings = read_everywhere(two)
    mongo.kill()
    within(2.5, lambda: ready(two[0])["status"] == "down")
    time.sleep(8)
    still = readings[0].text
    assert len(still) < len(numbers(1, LAST))
    mongo.start()
    within(10, lambda: ready(two[0])["parts"]["store"] == "ok")
    check_whole(readings, two[1], sent)
    assert [mark["cause"] for mark in two[1].message(sent)["continuations"]] == ["takeover"]
