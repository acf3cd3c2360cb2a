"""A service whose processes divide their work: two answer requests, two ask the models, each a process of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from jupyter_aichat.auth.keys import new_secret
from jupyter_aichat.cli.checks.workers import workers
from jupyter_aichat.server.routes import ROUTES
from jupyter_aichat.wiring import Settings, desk
from tests import mongo_server, redis_server
from tests.server.client import counted
from tests.service.cluster import View
from tests.service.processes import within
from tests.service_app.process import Service, running

DATABASE = "aichat_test_roles"
STREAMS = 20
TOKEN = "what-prometheus-has-and-nobody-else-does"


class Divided:
    """The processes, and somebody who uses them; `start` starts another one of the role that its name begins with."""

    def __init__(
        self, apis: list[Service], workers: list[Service], redis_url: str, start: Callable[[str], Service]
    ) -> None:
        self.apis, self.workers, self.redis_url, self.start = apis, workers, redis_url, start
        self.person = apis[0].person("Ada")
        self.root = apis[0].person("Root", "user", "admin")

    def metric(self, service: Service, name: str) -> float:
        """A figure of one process."""
        text = service.client(TOKEN).get("/metrics").raise_for_status().text
        return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(f"{name} ")))


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Divided]:
    if not redis_server.binary():
        pytest.skip("no redis-server here: scripts/install-debian.sh test")
    folder, secret = tmp_path_factory.mktemp("roles"), new_secret()
    (folder / "metrics-token").write_text(TOKEN)
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        redis = stack.enter_context(redis_server.running(folder))
        mongo = stack.enter_context(mongo_server.running(folder / "mongo"))

        def start(name: str) -> Service:
            arguments = (
                f"--roles={name.partition('-')[0]}",
                f"--AIChatApp.redis_url={redis.url}",
                f"--AIChatApp.metrics_token_file={folder / 'metrics-token'}",
                "--Passwords.cost=4",
                *(f"--ScriptedProvider.names={model}" for model in ("counter-60-20", "endless-20")),
            )
            return stack.enter_context(
                running(folder / name, *arguments, store_url=f"{mongo.url}{DATABASE}", secret=secret)
            )

        services = list(pool.map(start, ("api-1", "api-2", "worker-1", "worker-2")))
        yield Divided(services[:2], services[2:], redis.url, start)


@asynccontextmanager
async def asking(divided: Divided) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Ask the processes that answer requests."""
    headers = {"Authorization": f"Bearer {divided.person.token}"}
    limits = httpx.Limits(max_connections=None)
    clients = [httpx.AsyncClient(base_url=api.base, headers=headers, timeout=30, limits=limits) for api in divided.apis]
    try:
        yield clients
    finally:
        for client in clients:
            await client.aclose()


async def send(client: httpx.AsyncClient, model: str) -> dict[str, Any]:
    chat = (await client.post("/chats", json={})).raise_for_status().json()["id"]
    body = {"text": "Count.", "model": model}
    sent: dict[str, Any] = (await client.post(f"/chats/{chat}/messages", json=body)).raise_for_status().json()
    return sent


async def read(client: httpx.AsyncClient, run_id: str, view: View) -> None:
    async with client.stream("GET", f"/runs/{run_id}/events?after={view.after}") as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                view.see(json.loads(line[5:]))


def test_a_worker_serves_nothing_but_how_it_is(divided: Divided) -> None:
    worker = divided.workers[0]
    assert worker.http.get("/health").json()["state"] == "ready"
    assert worker.http.get("/ready").json()["parts"]["store"] == "ok"
    assert worker.http.get("/metrics").status_code in (401, 403)
    assert divided.metric(worker, "aichat_workers") == 2
    person = worker.client(divided.person.token)
    for route in ROUTES:
        if route.path in ("/health", "/ready", "/metrics"):
            continue
        path = route.path.replace("{", "").replace("}", "")
        for verb in route.verbs:
            assert person.request(verb, path).status_code == 404, (verb, path)
    assert httpx.get(worker.url, follow_redirects=False).status_code == 404


def test_models_are_those_of_the_workers(divided: Divided) -> None:
    def names() -> set[str]:
        return {model["name"] for model in divided.person.json("GET", "/models")["items"]}

    within(10, lambda: "counter-60-20" in names())
    assert divided.apis[1].http.get("/ready").json()["parts"]["provider"] == "down"  # an Ollama that is not there


async def test_a_stop_reaches_the_worker_at_once(divided: Divided) -> None:
    async with asking(divided) as (one, two):
        sent = await send(one, "endless-20")
        view = View()
        reading = asyncio.create_task(read(two, sent["run"]["id"], view))
        async with asyncio.timeout(20):
            while not view.text:
                await asyncio.sleep(0.02)
        begun = time.monotonic()
        await two.delete(f"/runs/{sent['run']['id']}")
        await reading
        assert time.monotonic() - begun < 1
        assert view.finished is not None
        assert view.finished["state"] == "stopped"
        again = await one.post(f"/chats/{sent['reply']['chat_id']}/messages/{sent['reply']['id']}/regenerate", json={})
        assert again.status_code == 202
        await one.delete(f"/runs/{again.json()['run']['id']}")


async def test_a_worker_is_killed_and_every_answer_is_whole(divided: Divided) -> None:
    """Last but two: twenty answers, one worker less; readers on both the others, who notice nothing but a pause."""
    async with asking(divided) as clients:
        sent = await asyncio.gather(*(send(clients[n % 2], "counter-60-20") for n in range(STREAMS)))
        views = [View() for _ in sent]
        reads = [
            asyncio.create_task(read(clients[(n + 1) % 2], each["run"]["id"], view))
            for n, (each, view) in enumerate(zip(sent, views, strict=True))
        ]
        async with asyncio.timeout(20):
            while not all(view.text for view in views):
                await asyncio.sleep(0.02)
        assert divided.workers[0].process.poll() is None
        busy = await asyncio.to_thread(divided.metric, divided.workers[0], 'aichat_runs{state="streaming"}')
        assert 0 < busy < STREAMS
        divided.workers[0].process.kill()
        async with asyncio.timeout(40):
            await asyncio.gather(*reads)
        for view in views:
            assert view.finished is not None
            assert (view.finished["state"], view.text) == ("completed", counted(60))
        assert any(
            view.snapshots for view in views
        )  # some were taken over; of those that ended by then nobody was told more


async def test_the_last_worker_is_killed_and_its_answers_are_kept(divided: Divided) -> None:
    """Last but one: their readers are told; one is stopped, and the other goes on to its last byte when a worker comes."""
    async with asking(divided) as (one, two):
        sent = [await send(one, model) for model in ("endless-20", "counter-60-20")]
        views = [View(), View()]
        reads = [
            asyncio.create_task(read(client, each["run"]["id"], view))
            for client, each, view in zip((one, two), sent, views, strict=True)
        ]
        async with asyncio.timeout(20):
            while not all(view.text for view in views):
                await asyncio.sleep(0.02)
        divided.workers[1].process.kill()
        killed_at = time.monotonic()
        async with asyncio.timeout(30):
            while not all("queue_position" in view.events for view in views):
                await asyncio.sleep(0.05)
        assert time.monotonic() - killed_at < 12
        said = views[0].text
        begun = time.monotonic()
        await two.delete(f"/runs/{sent[0]['run']['id']}")
        await reads[0]
        assert time.monotonic() - begun < 2
        assert views[0].finished is not None
        assert views[0].finished["state"] == "stopped"
        assert views[0].text == said != ""
        divided.workers[1] = await asyncio.to_thread(divided.start, "worker-3")
        async with asyncio.timeout(30):
            await reads[1]
        assert views[1].finished is not None
        assert (views[1].finished["state"], views[1].text) == ("completed", counted(60))


async def looked_for_workers(divided: Divided) -> str:
    found = desk(Settings(store_url=divided.apis[0].store_url, redis_url=divided.redis_url))
    return next(iter([finding.level async for finding in workers(found)]))


async def test_the_last_worker_leaves_and_the_question_waits(divided: Divided) -> None:
    """Last: nobody is left to ask a model. It is said, and metrics show it."""
    assert await looked_for_workers(divided) == "ok"
    await asyncio.to_thread(divided.workers[1].terminate)
    async with asking(divided) as (one, two):
        sent = await send(one, "counter-60-20")
        assert sent["run"]["state"] == "queued"
        view = View()
        reading = asyncio.create_task(read(one, sent["run"]["id"], view))
        async with asyncio.timeout(20):
            while "queue_position" not in view.events:
                assert not reading.done(), (view.events, view.finished)  # a reader that failed would wait in vain
                await asyncio.sleep(0.05)
        assert await looked_for_workers(divided) == "fail"
        api = divided.apis[0]
        assert await asyncio.to_thread(divided.metric, api, "aichat_workers") == 0
        assert await asyncio.to_thread(divided.metric, api, "aichat_runs_unclaimed") == 1
        assert (await one.delete(f"/runs/{sent['run']['id']}")).status_code in (200, 202)
        await reading
        assert view.finished is not None
        assert view.finished["state"] == "stopped"
        assert (await two.get(f"/runs/{sent['run']['id']}")).json()["state"] == "stopped"
