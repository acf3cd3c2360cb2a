"""DESIGN of a run, 8 and 9: replicas are killed with -9 again and again, at random; every answer is whole all the same."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import MongoClient

from tests import mongo_server
from tests.redis_server import RedisServer
from tests.server.client import counted
from tests.service.cluster import DATABASE, Json, View, within
from tests.service.nursery import LAST
from tests.service.processes import ROOT

log = logging.getLogger(__name__)

REPLICAS = 4
KILLS = 50
LONGEST_S = 1.2
"""Between two kills; a replica that finds another one dead is often killed itself while it takes the runs over."""
LAPSE_S = 3.0
"""Shorter than it is for people (8 s), so that runs are taken over many times between the kills."""
GROWN_MB = 10
MB = 1024 * 1024


class Gone(Exception):
    """The replica was killed before it answered."""


class Replica:
    """A replica of the nursery."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid, self._reader, self._writer = pid, reader, writer
        self._numbers = itertools.count()
        self._orders: dict[int, tuple[asyncio.Future[Any], View | None]] = {}
        self.listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await self._reader.readline():
                if line.endswith(b"\n"):
                    self._take(json.loads(line))
        self._writer.close()
        for answer, _ in self._orders.values():
            answer.set_exception(Gone())

    def _take(self, said: Json) -> None:
        answer, view = self._orders[said["number"]]
        if "frame" in said:
            assert view is not None
            view.see(said["frame"])
            return
        del self._orders[said["number"]]
        if "error" in said:
            answer.set_exception(RuntimeError(said["error"]))
        else:
            answer.set_result(said["answer"])

    async def ask(self, op: str, view: View | None = None, **asked: Any) -> Any:
        """Give an order; raises `Gone`, and `RuntimeError` with the code of a refusal."""
        if self.listening.done():
            raise Gone
        number = next(self._numbers)
        answer = asyncio.get_running_loop().create_future()
        self._orders[number] = (answer, view)
        self._writer.write(json.dumps({"number": number, "op": op, **asked}).encode() + b"\n")
        return await answer

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


class Service:
    """The replicas that live now."""

    def __init__(self, nursery: subprocess.Popen[bytes]) -> None:
        self._nursery = nursery
        self.born: asyncio.Queue[Replica] = asyncio.Queue()
        self.living: list[Replica] = []

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a new replica in."""
        pid = json.loads(await reader.readline())["pid"]
        await self.born.put(Replica(pid, reader, writer))

    async def bear(self) -> Replica:
        """Start a replica; return when it works."""
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(b"\n")
        self._nursery.stdin.flush()
        async with asyncio.timeout(10):
            replica = await self.born.get()
        self.living.append(replica)
        return replica


@contextlib.contextmanager
def nursery(folder: Path, *urls: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run what replicas are born of."""
    command = [sys.executable, "-m", "tests.service.nursery", *urls, str(LAPSE_S), str(folder / "orders")]
    with (
        (folder / "replicas.log").open("wb") as out,
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=out, stderr=out) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


@contextlib.asynccontextmanager
async def served(folder: Path, *urls: str) -> AsyncIterator[Service]:
    """Run the replicas that a test asks for."""
    with nursery(folder, *urls) as process:
        service = Service(process)
        async with await asyncio.start_unix_server(service.greet, str(folder / "orders")):
            yield service
            for replica in service.living:
                replica.kill()
                await replica.listening


class Question:
    """A question with a key, sent until somebody acknowledges it; then read by whoever lives."""

    def __init__(self, service: Service, key: str, chance: random.Random) -> None:
        self._service, self._key, self._chance = service, key, chance
        self.sent: Json = {}
        self.view = View()
        self.tries = 0
        self.work = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while not self.sent:
            self.tries += 1
            with contextlib.suppress(Gone):
                self.sent = await self._somebody().ask("send", key=self._key)
        while self.view.finished is None:
            with contextlib.suppress(Gone):
                await self._somebody().ask("read", self.view, run_id=self.sent["run"]["id"], after=self.view.after)
            await asyncio.sleep(0.02)

    def _somebody(self) -> Replica:
        return self._chance.choice(self._service.living)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_replicas_are_killed_at_random_and_no_answer_suffers(tmp_path: Path, own_redis: RedisServer) -> None:
    chance = random.Random(int(os.environ.get("AICHAT_TEST_SEED", "4")))
    with mongo_server.running(tmp_path / "mongo") as mongo:
        async with served(tmp_path, f"{mongo.url}{DATABASE}", own_redis.url) as service:
            for _ in range(REPLICAS):
                await service.bear()
            questions: list[Question] = []
            for n in range(KILLS):
                questions += [Question(service, f"{n}-{m}", chance) for m in range(2)]
                await asyncio.sleep(chance.uniform(0, LONGEST_S))
                victim = service.living.pop(chance.randrange(REPLICAS))
                victim.kill()
                await service.bear()
            killed = time.monotonic()
            async with asyncio.timeout(40):
                await asyncio.gather(*(question.work for question in questions))
            log.info("all ended %.1f s after the last kill", time.monotonic() - killed)
            await check(service, questions)
            await check_rest(service)
        with MongoClient[Json](mongo.url) as client:
            database = client[DATABASE]
            assert list(database["runs"].find({"active": True})) == []
            assert list(database["segments"].find({})) == []
            assert database["chats"].count_documents({}) == len(questions) + 1
            assert database["messages"].count_documents({}) == 2 * len(questions) + 2


def rss(replica: Replica) -> float:
    return float(psutil.Process(replica.pid).memory_info().rss) / MB


async def check(service: Service, questions: list[Question]) -> None:
    """Every acknowledged message is there once, and each answer is what the model says."""
    marks = []
    for question in questions:
        sent = question.sent
        asked, reply = await service.living[0].ask("messages", chat_id=sent["reply"]["chat_id"])
        assert (asked["id"], reply["id"]) == (sent["message"]["id"], sent["reply"]["id"])
        text = "".join(part["text"] for part in reply["parts"])
        assert (reply["status"], text) == ("completed", counted(LAST))
        assert question.view.text == text
        marks.append(len(reply["continuations"]))
    again = sum(question.tries - 1 for question in questions)
    log.info("%d continuations, at most %d of an answer; %d questions sent again", sum(marks), max(marks), again)
    assert sum(marks) > KILLS / 2


async def check_rest(service: Service) -> None:
    """Nothing is left of all of this: the replicas have the tasks and the memory of one that has answered once."""
    survivors = tuple(service.living)
    fresh = await service.bear()
    sent = await fresh.ask("send", key="fresh")
    await fresh.ask("read", View(), run_id=sent["run"]["id"], after=0)

    async def alike() -> bool:
        expected, *found = [Counter(await replica.ask("tasks_left")) for replica in (fresh, *survivors)]
        return all(each <= expected for each in found)

    await within(10, alike)
    more = [rss(replica) - rss(fresh) for replica in survivors]
    log.info("memory %s MB beside one that was just born", [f"{each:+.1f}" for each in more])
    assert max(more) < GROWN_MB
