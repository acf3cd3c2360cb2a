"""DESIGN of a run, 9, with a real Ollama: the model goes on counting where another replica's answer was cut."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import mongo_server
from tests.redis_server import RedisServer
from tests.server.client import counted
from tests.service.processes import text_of, within
from tests.service.replicas import Reading, Replica, replica


@pytest.fixture
def two(tmp_path: Path, redis: RedisServer, ollama: str) -> Iterator[tuple[Replica, Replica]]:
    settings = (f"--OllamaProvider.url={ollama}", "--ScriptedProvider.scenarios=False")
    with ExitStack() as stack:
        mongo = stack.enter_context(mongo_server.running(tmp_path / "mongo"))

        def start(name: str) -> Replica:
            return stack.enter_context(replica(tmp_path, name, mongo.url, redis.url, *settings))

        yield start("first"), start("second")


def ask(process: Replica, model: str) -> dict[str, Any]:
    chat = process.server.json("POST", "/chats", {})["id"]
    body = {"text": "Count.", "model": model, "options": {"num_predict": 4000}}
    sent: dict[str, Any] = process.server.json("POST", f"/chats/{chat}/messages", body)
    return sent


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_count_goes_on_without_gap_or_repeat(two: tuple[Replica, Replica], number: signal.Signals) -> None:
    first, second = two
    sent = ask(first, "slow-counter")
    reading = Reading([second.server], sent["run"]["id"])
    within(30, lambda: len(reading.text.split()) > 40)
    first.signal(number)
    within(150, lambda: reading.finished)  # half a minute alone, on a machine that runs browsers beside it much more
    assert reading.finished is not None
    assert (reading.finished["state"], reading.text) == ("completed", counted(400))
    message = second.message(sent)
    assert (message["status"], text_of(message)) == ("completed", counted(400))
    assert [mark["cause"] for mark in message["continuations"]] == ["takeover"]
    assert 300 <= message["usage"]["completion_tokens"] <= 500


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_an_endless_count_goes_on_and_can_be_stopped(two: tuple[Replica, Replica]) -> None:
    first, second = two
    sent = ask(first, "slow-endless")
    reading = Reading([second.server], sent["run"]["id"])
    within(30, lambda: len(reading.text.split()) > 40)
    first.kill()
    before = len(reading.text.split())
    within(90, lambda: len(reading.text.split()) > before + 40)  # ten to the takeover, then a slow model
    second.stop_run(sent)
    within(2, lambda: reading.finished)
    message = second.message(sent)
    assert (message["status"], text_of(message)) == ("stopped", reading.text)
    assert reading.text == counted(len(reading.text.split()))
