"""Three replicas as people run them: Jupyter servers on one MongoDB and one Redis, each a process of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pymongo import MongoClient
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests import mongo_server, redis_server
from tests.mongo_server import MongoServer
from tests.redis_server import RedisServer
from tests.server.client import Socket
from tests.server.process import TOKEN, Server, running

Json = dict[str, Any]
Found = TypeVar("Found")

NAMES = ("a", "b", "c")
DATABASE = "aichat_test_replicas"


class Replica:
    """One server, asked without blocking."""

    def __init__(self, server: Server) -> None:
        self.server = server
        headers = {"Authorization": f"token {TOKEN}"}
        limits = httpx.Limits(max_connections=None)
        self.http = httpx.AsyncClient(base_url=str(server.http.base_url), headers=headers, timeout=30, limits=limits)

    async def json(self, method: str, path: str, body: Any = None) -> Any:
        """Ask for JSON; raises `httpx.HTTPStatusError`."""
        answer = await self.http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def send(self, model: str, text: str = "Count.", **fields: Any) -> Json:
        """Ask a question in a chat of its own."""
        chat = (await self.json("POST", "/chats", {}))["id"]
        sent: Json = await self.json("POST", f"/chats/{chat}/messages", {"text": text, "model": model, **fields})
        return sent

    async def message(self, sent: Json) -> Json:
        """Return the reply as it stands."""
        page = await self.json("GET", f"/chats/{sent['reply']['chat_id']}/messages")
        return next(message for message in page["items"] if message["id"] == sent["reply"]["id"])

    async def stop(self, sent: Json) -> httpx.Response:
        """Stop a run."""
        return await self.http.delete(f"/runs/{sent['run']['id']}")

    async def ready(self) -> Json:
        """Return the state of the parts."""
        answer: Json = (await self.http.get("/ready")).json()
        return answer

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[Socket]:
        """Open a socket, its hello taken."""
        url = str(self.http.base_url).replace("http", "ws", 1)
        request = HTTPRequest(f"{url.rstrip('/')}/ws", headers={"Authorization": f"token {TOKEN}"})
        socket = Socket(await websocket_connect(request))
        assert (await socket.frame())["type"] == "hello"
        try:
            yield socket
        finally:
            socket.connection.close()


class Cluster:
    """The replicas and what they share."""

    def __init__(self, servers: list[Server], mongo: MongoServer, redis: RedisServer, ollama_port: int) -> None:
        self.servers, self.mongo, self.redis, self.ollama_port = servers, mongo, redis, ollama_port

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[list[Replica]]:
        """The replicas, asked on the loop of now."""
        replicas = [Replica(server) for server in self.servers]
        try:
            yield replicas
        finally:
            for replica in replicas:
                await replica.http.aclose()

    def stored(self, collection: str, wanted: Json) -> list[Json]:
        """Look into the database itself."""
        with MongoClient[Json](self.mongo.url) as client:
            return list(client[DATABASE][collection].find(wanted))


@contextmanager
def cluster(folder: Path, *arguments: str, **mongo_options: object) -> Iterator[Cluster]:
    """Run three replicas on a MongoDB and a Redis of their own.

    The options are those of `MongoServer`. Where no Ollama listens on the cluster's port, the scripted models are all there are.
    """
    ollama_port = redis_server.free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server.running(folder))
        mongo = stack.enter_context(mongo_server.running(folder / "mongo", **mongo_options))
        shared = (
            f"--AIChatApp.store_url={mongo.url}{DATABASE}",
            f"--AIChatApp.redis_url={redis.url}",
            f"--OllamaProvider.url=http://127.0.0.1:{ollama_port}",
            *arguments,
        )
        waiting = [running(_own(folder, name), *shared) for name in NAMES]
        with ThreadPoolExecutor(len(NAMES)) as pool:
            servers = list(pool.map(stack.enter_context, waiting))
        yield Cluster(servers, mongo, redis, ollama_port)


def _own(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


class View:
    """What one reader has of a run; it keeps its place, and checks that each event comes once and in order."""

    def __init__(self, text: str = "", after: int = 0) -> None:
        self.text, self.after = text, after
        self.places = [(after, text)]
        self.events: list[str] = []
        self.snapshots: list[Json] = []
        self.finished: Json | None = None

    def see(self, frame: Json) -> None:
        """Take an event."""
        assert frame["seq"] > self.after, "out of order, or twice"
        assert self.finished is None, "after the end"
        self.after, event = frame["seq"], frame["event"]
        self.events.append(event["type"])
        if event["type"] == "snapshot":
            self.snapshots.append(event["message"])
            self.text = "".join(part["text"] for part in event["message"]["parts"])
        elif event["type"] == "text_delta":
            self.text += event["text"]
        elif event["type"] == "run_finished":
            self.finished = event
        self.places.append((self.after, self.text))


async def read_sse(replica: Replica, run_id: str, view: View) -> None:
    """Read from the view's place until the run or the connection ends; raises `httpx.HTTPError` where it is cut."""
    headers = {"Last-Event-ID": str(view.after)}
    async with replica.http.stream("GET", f"/runs/{run_id}/events", headers=headers) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                view.see(json.loads(line[5:]))


async def read_socket(replica: Replica, run_id: str, view: View) -> None:
    """The same over a socket; raises `ConnectionError` where it is closed, or one is told to come again."""
    async with replica.socket() as socket:
        await socket.write({"type": "subscribe", "id": 1, "run_id": run_id, "after": view.after})
        while view.finished is None:
            frame = await socket.frame()
            if frame["type"] == "error" and "retry_after" in frame["details"]:
                raise ConnectionError(frame["message"])
            assert frame["type"] != "error", frame
            if frame["type"] == "event" and frame["run_id"] == run_id:
                view.see(frame)


READ = (read_sse, read_socket)


async def within(seconds: float, condition: Callable[[], Awaitable[Found]]) -> Found:
    """Ask until the answer is a yes, and return it."""
    async with asyncio.timeout(seconds):
        while not (found := await condition()):
            await asyncio.sleep(0.03)
    return found
