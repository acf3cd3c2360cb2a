"""DESIGN of a run, 7: a stop or a deletion on one replica ends a run of another within a second; nothing grows back."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.contract.provider_servers import Exchange, FakeServer, fake, line, recorded
from tests.server.client import counted
from tests.service.cluster import Cluster, Json, Replica, View, read_socket, read_sse, within
from tests.service.processes import text_of

log = logging.getLogger(__name__)

PROMPT_S = 1.0
LATE_S = 1.3
"""After so long every checkpoint that was under way has come."""


class Readers:
    """Two readers of a run, on different replicas."""

    def __init__(self, sent: Json, here: Replica, there: Replica) -> None:
        self.views = (View(), View())
        run_id = sent["run"]["id"]
        self.tasks = asyncio.gather(read_sse(here, run_id, self.views[0]), read_socket(there, run_id, self.views[1]))

    async def until(self, seen: Callable[[View], object]) -> None:
        """Wait until both have seen something."""

        async def both() -> bool:
            return all(seen(view) for view in self.views)

        await within(5, both)

    async def ended(self, state: str, reason: str) -> str:
        """Wait for the end, at most a second; return the text, the same for both."""
        async with asyncio.timeout(PROMPT_S):
            await self.tasks
        first, second = self.views
        assert first.finished == second.finished
        assert first.finished is not None
        assert (first.finished["state"], first.finished["reason"]) == (state, reason)
        return first.text


STAGES = {
    "just sent": ("endless-20", lambda _: True),
    "loading": ("slow-load-20000", lambda view: view.events and view.events[0] == "run_started"),
    "in the middle": ("endless-20", lambda view: len(view.text.split()) > 30),
}


@pytest.mark.parametrize("stage", STAGES)
async def test_a_stop_from_another_replica_ends_it_at_once_and_for_good(shared: Cluster, stage: str) -> None:
    """Said twice, at the same time on two replicas, and again after the end."""
    model, seen = STAGES[stage]
    async with shared.opened() as (a, b, c):
        sent = await a.send(model)
        readers = Readers(sent, a, c)
        await readers.until(seen)
        begun = time.monotonic()
        answers = await asyncio.gather(b.stop(sent), c.stop(sent))
        text = await readers.ended("stopped", "user")
        log.info("stopped after %.2f s", time.monotonic() - begun)
        assert {answer.status_code for answer in answers} <= {200, 202}
        for replica in (a, b, c):
            again = await replica.stop(sent)
            assert (again.status_code, again.json()["run"]["state"]) == (200, "stopped")
        assert text == counted(len(text.split()))
        await _stays(shared, c, sent, text)


async def _stays(shared: Cluster, replica: Replica, sent: Json, text: str) -> None:
    await asyncio.sleep(LATE_S)
    message = await replica.message(sent)
    assert (message["status"], text_of(message)) == ("stopped", text)
    assert shared.stored("segments", {"run_id": sent["run"]["id"]}) == []


async def test_a_run_that_waits_in_line_on_one_replica_is_stopped_from_another(shared: Cluster) -> None:
    async with shared.opened() as (a, b, c):
        first = await a.send("endless-30")
        waiting = await c.send("endless-30")
        assert waiting["run"]["state"] == "queued"
        readers = Readers(waiting, a, b)
        await readers.until(lambda view: "queue_position" in view.events)
        await b.stop(waiting)
        assert await readers.ended("stopped", "user") == ""
        next_one = await b.send("endless-30")
        readers = Readers(next_one, a, c)
        await readers.until(lambda view: "queue_position" in view.events)
        await c.stop(first)
        await readers.until(lambda view: view.text)  # whoever was next is admitted, on whatever replica
        await a.stop(next_one)
        await readers.ended("stopped", "user")


async def test_a_stop_after_the_end_changes_nothing(shared: Cluster) -> None:
    async with shared.opened() as (a, b, c):
        sent, view = await a.send("counter-5-1"), View()
        await read_sse(b, sent["run"]["id"], view)
        before = await c.message(sent)
        for replica in (a, b, c):
            answer = await replica.stop(sent)
            assert (answer.status_code, answer.json()["run"]["state"]) == (200, "completed")
        assert await c.message(sent) == before


@pytest.mark.parametrize("begun", [False, True], ids=["before the first token", "in mid-answer"])
async def test_the_connection_to_ollama_is_closed_within_a_second(shared: Cluster, begun: bool) -> None:
    async with _ollama(shared, begun=begun) as ollama, shared.opened() as (a, b, _):
        await within(10, lambda: _offers(a, "counter:latest"))
        sent = await a.send("counter:latest")

        async def asked() -> list[Exchange]:
            return ollama.to("/api/chat")

        (exchange,) = await within(5, asked)
        view = View()
        reading = asyncio.create_task(read_sse(b, sent["run"]["id"], view))
        while begun and not view.text:
            await asyncio.sleep(0.01)
        stopped = time.monotonic()
        assert (await b.stop(sent)).status_code == 202
        async with asyncio.timeout(PROMPT_S):
            await exchange.hung_up.wait()
            await reading
        log.info("closed after %.2f s", exchange.hung_up_at - stopped)
        assert view.finished is not None
        assert (view.finished["state"], view.text) == ("stopped", "Hello" if begun else "")


@asynccontextmanager
async def _ollama(shared: Cluster, *, begun: bool) -> AsyncIterator[FakeServer]:
    """An Ollama that says nothing, or nothing more."""

    async def hang(exchange: Exchange) -> None:
        if begun:
            await exchange.begin()
            await exchange.send(line("Hello"))
        await exchange.hang()

    async with fake({**recorded(), "/api/chat": hang}, shared.ollama_port) as server:
        yield server


async def _offers(replica: Replica, model: str) -> bool:
    return model in [each["name"] for each in (await replica.json("GET", "/models"))["items"]]


async def test_deleted_on_another_replica_in_mid_answer_nothing_is_left_of_a_chat(shared: Cluster) -> None:
    async with shared.opened() as (a, b, c):
        sent = await a.send("endless-20")
        chat = sent["reply"]["chat_id"]
        readers = Readers(sent, a, c)
        await readers.until(lambda view: len(view.text.split()) > 70)  # and a checkpoint of it is in the store
        assert shared.stored("segments", {"run_id": sent["run"]["id"]})
        await b.json("DELETE", f"/chats/{chat}")
        await readers.ended("stopped", "deleted")
        await asyncio.sleep(LATE_S)
        for collection in ("chats", "messages", "runs", "segments"):
            kept = json.dumps(shared.stored(collection, {}), default=str)
            for gone in (chat, sent["run"]["id"], sent["reply"]["id"], sent["message"]["id"]):
                assert gone not in kept, collection
        for replica in (a, b, c):
            assert (await replica.http.get(f"/chats/{chat}")).status_code == 404
            assert (await replica.stop(sent)).status_code == 404
