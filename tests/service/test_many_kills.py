"""DESIGN of a run, 4: nothing acknowledged is lost and every run ends, however often replicas are killed with -9."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import mongo_server
from tests.redis_server import RedisServer
from tests.service.processes import EngineProcess, engine_on, numbers, text_of, within

SEED = 4
KILLS = 50
LASTS = {"counter-3-1": 3, "counter-20-5": 20, "counter-60-50": 60, "counter-150-20": 150, "counter-400-25": 400}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_kills_at_random_moments(tmp_path: Path, redis: RedisServer) -> None:
    """Three replicas that ask are killed and started again, one is left alone; every answer comes through, whole."""
    chance = random.Random(SEED)
    sent: list[tuple[str, dict[str, Any]]] = []
    with ExitStack() as stack:
        mongo = stack.enter_context(mongo_server.running(tmp_path / "mongo"))

        def start() -> EngineProcess:
            return stack.enter_context(engine_on(tmp_path, mongo.url, redis.url))

        survivor = start()
        victims = [start() for _ in range(3)]
        for _ in range(KILLS):
            for victim in victims:
                if chance.random() < 0.5:
                    model = chance.choice(list(LASTS))
                    sent.append((model, victim.send(model)))
            time.sleep(chance.uniform(0, 1.5))
            index = chance.randrange(len(victims))
            victims[index].kill()
            victims[index] = start()
        assert all("run" in each for _, each in sent)

        marks = 0
        for model, each in sent:
            message = within(60, lambda each=each: _ended(survivor, each))  # type: ignore[misc]
            assert (message["status"], text_of(message)) == ("completed", numbers(1, LASTS[model])), model
            assert survivor.run(each)["state"] == "completed"
            marks += len(message["continuations"])
        assert marks >= KILLS // 3


def _ended(process: EngineProcess, sent: dict[str, Any]) -> dict[str, Any] | None:
    message = process.message(sent)
    return message if message["status"] not in ("pending", "streaming") else None
