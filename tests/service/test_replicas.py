"""DESIGN of a run, 8 and 9, for real: replicas on MongoDB and Redis that are killed, paused and stopped in mid-answer."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import mongo_server
from tests.redis_server import RedisServer
from tests.service.processes import numbers, text_of, within
from tests.service.replicas import Reading, Replica, replica

log = logging.getLogger(__name__)

PACE_MS = 25
LAST = 800
MODEL = f"counter-{LAST}-{PACE_MS}"
TAKEN_S = 10.0
"""What we promise from a kill to the next new text."""


@pytest.fixture
def three(tmp_path: Path, redis: RedisServer) -> Iterator[list[Replica]]:
    with ExitStack() as stack:
        mongo = stack.enter_context(mongo_server.running(tmp_path / "mongo"))
        model = f"--ScriptedProvider.names={MODEL}"
        names = ("first", "second", "third")
        yield [stack.enter_context(replica(tmp_path, name, mongo.url, redis.url, model)) for name in names]


def ended(process: Replica, sent: dict[str, Any]) -> dict[str, Any] | None:
    message = process.message(sent)
    return message if message["status"] not in ("pending", "streaming") else None


def check_whole(readings: list[Reading], process: Replica, sent: dict[str, Any]) -> None:
    """Every reader and the store have each number once."""
    for reading in readings:
        within(LAST * PACE_MS / 1000 + 20, lambda reading=reading: reading.finished)  # type: ignore[misc]
        assert reading.finished is not None
        assert (reading.finished["state"], reading.text) == ("completed", numbers(1, LAST))
    message = within(5, partial(ended, process, sent))
    assert (message["status"], text_of(message)) == ("completed", numbers(1, LAST))
    assert [mark["cause"] for mark in message["continuations"]] == ["takeover"]


@pytest.mark.slow
def test_killed_in_mid_answer_another_goes_on_from_where_it_was(three: list[Replica]) -> None:
    """With -9: at most 10 s later, without gap or repeat, for readers on any replica."""
    first, second, third = three
    sent = first.send(MODEL)
    servers = [each.server for each in three]
    readings = [Reading([server, *servers[1:]], sent["run"]["id"]) for server in servers]
    within(15, lambda: all(len(reading.text.split()) > 100 for reading in readings))
    killed = time.monotonic()
    first.kill()
    before = readings[1].text
    within(TAKEN_S, lambda: len(readings[1].text) > len(before) + 50)
    log.info("taken after %.1f s", time.monotonic() - killed)
    check_whole(readings, second, sent)
    assert readings[0].connections > 1
    assert third.run(sent)["state"] == "completed"


@pytest.mark.slow
def test_paused_past_its_lease_an_owner_neither_appends_nor_writes(three: list[Replica]) -> None:
    """SIGSTOP, then SIGCONT after another has taken the run: its own readers lose nothing."""
    first, second, _ = three
    sent = first.send(MODEL)
    servers = [each.server for each in three]
    readings = [Reading([server], sent["run"]["id"]) for server in servers]
    within(15, lambda: all(len(reading.text.split()) > 100 for reading in readings))
    first.signal(signal.SIGSTOP)
    try:
        before = readings[1].text
        within(TAKEN_S, lambda: len(readings[1].text) > len(before) + 50)
    finally:
        first.signal(signal.SIGCONT)
    check_whole(readings, second, sent)
    assert readings[0].connections == 1
    assert first.server.json("GET", "/ready")["status"] != "down"
    again = first.send("counter-3-1")
    assert text_of(within(5, partial(ended, second, again))) == numbers(1, 3)


@pytest.mark.slow
def test_a_stopping_replica_hands_its_runs_over_at_once(three: list[Replica]) -> None:
    first, second, third = three
    sent = [first.send(MODEL) for _ in range(10)]
    readings = [Reading([third.server, second.server], each["run"]["id"]) for each in sent]
    within(15, lambda: all(len(reading.text.split()) > 50 for reading in readings))
    stopped = time.monotonic()
    first.server.process.terminate()
    before = [reading.text for reading in readings]
    within(4, lambda: all(len(r.text) > len(b) + 50 for r, b in zip(readings, before, strict=True)))
    log.info("handed after %.1f s", time.monotonic() - stopped)
    for reading, each in zip(readings, sent, strict=True):
        check_whole([reading], second, each)
