"""The service behind nginx, as operators run it: two replicas on one MongoDB and one Redis."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

from jupyter_aichat.auth.keys import new_secret
from tests import mongo_server, redis_server
from tests.conftest import IN_CI
from tests.deploy import nginx
from tests.server.client import Socket, counted
from tests.service.cluster import View
from tests.service_app.process import Person, Service
from tests.service_app.process import running as service_running

Json = dict[str, Any]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not IN_CI and nginx.binary() is None, reason="nginx is not installed (Debian: nginx-light)"),
]

LAST, EACH = 400, 25
MODEL = f"counter-{LAST}-30"
BIG = 1024 * 1024 + 1


class Replica:
    """One process of the service on a port that it keeps."""

    def __init__(self, folder: Path, shared: tuple[str, ...], store_url: str, secret: str) -> None:
        self._folder, self._shared, self._store_url, self._secret = folder, shared, store_url, secret
        self.port = redis_server.free_port()
        self._stack = ExitStack()
        self.service: Service

    def start(self) -> None:
        arguments = (f"--port={self.port}", *self._shared)
        self.service = self._stack.enter_context(
            service_running(self._folder, *arguments, store_url=self._store_url, secret=self._secret)
        )

    def end(self, number: signal.Signals) -> None:
        os.kill(self.service.process.pid, number)
        self.service.process.wait(20)
        self.close()

    def close(self) -> None:
        self._stack.close()


@dataclass
class Site:
    """What people see of it."""

    url: str
    plain: str
    replicas: tuple[Replica, ...]
    trusted: ssl.SSLContext
    folder: Path

    def person(self, name: str) -> Person:
        return self.replicas[0].service.person(name)

    @asynccontextmanager
    async def client(self, person: Person | None = None) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {person.token}"} if person else {}
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=f"{self.url}/api/aichat/v1", headers=headers, verify=self.trusted, timeout=30, limits=limits
        ) as client:
            yield client

    async def socket(self, person: Person, **headers: str) -> Socket:
        url = f"{self.url.replace('http', 'ws', 1)}/api/aichat/v1/ws"
        request = HTTPRequest(url, headers=headers, ssl_options=self.trusted)
        return Socket(await websocket_connect(request, subprotocols=["aichat.v1", f"jwt.{person.token}"]))


@contextmanager
def _replicas(folder: Path, stack: ExitStack) -> Iterator[tuple[Replica, ...]]:
    redis = stack.enter_context(redis_server.running(folder))
    mongo = stack.enter_context(mongo_server.running(folder / "mongo"))
    shared = (
        f"--AIChatApp.redis_url={redis.url}", f"--ScriptedProvider.names={MODEL}", f"--AIChatApp.default_model={MODEL}",
        "--AIChatApp.trusted_proxies=127.0.0.1", "--Passwords.cost=4", "--Admission.max_per_user=100",
        "--Bounds.sends_per_minute=1000", "--OllamaProvider.parallel=0",
    )  # fmt: skip
    secret, store_url = new_secret(), f"{mongo.url}aichat_test_nginx"
    replicas = tuple(Replica(folder / name, shared, store_url, secret) for name in "ab")
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Replica.start, replicas))
        yield replicas
    finally:
        for replica in replicas:
            replica.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("nginx")
    plain, tls = redis_server.free_port(), redis_server.free_port()
    with ExitStack() as stack:
        replicas = stack.enter_context(_replicas(folder, stack))
        shown = stack.enter_context(nginx.running(folder, plain, tls, [replica.port for replica in replicas]))
        trusted = ssl.create_default_context(cafile=str(shown))
        yield Site(f"https://localhost:{tls}", f"http://localhost:{plain}", replicas, trusted, folder)


@pytest.fixture(scope="module")
def ada(site: Site) -> Person:
    return site.person("Ada")


async def test_plain_requests_are_sent_to_tls_and_the_site_speaks_http_2(site: Site) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{site.plain}/shared/x?y=z")
    assert (answer.status_code, answer.headers["Location"]) == (308, "https://localhost/shared/x?y=z")
    command = [
        "curl",
        "--silent",
        "--http2",
        "--cacert",
        str(site.folder / "fullchain.pem"),
        "--write-out",
        "%{http_version}",
    ]
    asked = await asyncio.create_subprocess_exec(
        *command, f"{site.url}/api/aichat/v1/health", stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]}
    )
    said = (await asked.communicate())[0]
    assert b'"state":"ready"' in said.replace(b" ", b"")
    assert said.endswith(b"}2")


async def test_a_client_does_not_choose_its_own_address(site: Site, ada: Person) -> None:
    """What it says of itself is not passed on; and the service knows of TLS, for its cookie."""
    body = {"username": "Ada", "password": ada.password, "cookie": True}
    async with site.client() as client:
        answer = await client.post("/auth/login", json=body, headers={"X-Forwarded-For": "192.0.2.99"})
        assert answer.status_code == 200
        assert "; Secure" in answer.headers["Set-Cookie"]
        logged_in = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        sessions = (await client.get("/sessions", headers=logged_in)).json()["items"]
    assert {each["address"] for each in sessions if each["current"]} == {"127.0.0.1"}


async def test_sockets_ask_for_their_origin_at_the_site(site: Site, ada: Person) -> None:
    socket = await site.socket(ada, Origin=site.url)
    assert (await socket.frame())["type"] == "hello"
    socket.connection.close()
    with pytest.raises(Exception, match="403"):
        await site.socket(ada, Origin="https://evil.example")


async def test_what_is_too_large_is_refused_in_json(site: Site, ada: Person) -> None:
    async with site.client(ada) as client:
        answer = await client.post("/chats", content=b" " * BIG)
    assert answer.status_code == 413, answer.text
    assert answer.json()["code"] == "too_large", (answer.headers, answer.text)


async def test_links_to_shared_chats_are_not_logged(site: Site) -> None:
    async with site.client() as client:
        await client.get("/shared/very-secret-link/events")
    log = site.folder / "aichat.log"
    async with asyncio.timeout(10):  # nginx writes when the answer has left
        while "/shared/-/events" not in log.read_text():
            await asyncio.sleep(0.02)
    assert "very-secret-link" not in log.read_text()


async def test_while_no_replica_answers_nginx_says_so_as_the_service_would(tmp_path: Path) -> None:
    plain, tls, nobody = (redis_server.free_port() for _ in range(3))
    with nginx.running(tmp_path, plain, tls, [nobody]) as shown:
        async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(shown))) as client:
            answer = await client.get(f"https://localhost:{tls}/api/aichat/v1/me")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json() | {"message": ""} == {"code": "not_ready", "message": "", "details": {"retry_after": 1}}


async def _read(site: Site, person: Person, run_id: str, view: View, over_socket: bool) -> None:
    """Read to the end, coming back to wherever nginx leads."""
    read = _read_socket if over_socket else _read_events
    while view.finished is None:
        with suppress(httpx.HTTPError, WebSocketClosedError, ConnectionError, OSError):
            await read(site, person, run_id, view)
        await asyncio.sleep(0.1)


async def _read_events(site: Site, person: Person, run_id: str, view: View) -> None:
    async with (
        site.client(person) as client,
        client.stream("GET", f"/runs/{run_id}/events", headers={"Last-Event-ID": str(view.after)}) as answer,
    ):
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                view.see(json.loads(line[5:]))


async def _read_socket(site: Site, person: Person, run_id: str, view: View) -> None:
    try:
        socket = await site.socket(person)
    except Exception as error:  # refused while a replica goes
        raise ConnectionError from error
    try:
        await socket.write({"type": "subscribe", "id": 1, "run_id": run_id, "after": view.after})
        while view.finished is None:
            frame = await socket.frame()
            if frame["type"] == "event" and frame["run_id"] == run_id:
                view.see(frame)
    finally:
        socket.connection.close()


async def _send(client: httpx.AsyncClient, key: str) -> Json:
    """Ask, and ask again with the same key where no answer came."""
    chat = (await client.post("/chats", json={})).json()["id"]
    answer = await client.post(
        f"/chats/{chat}/messages", json={"text": "Count.", "model": MODEL, "idempotency_key": key}
    )
    answer.raise_for_status()
    sent: Json = answer.json()
    return sent


@pytest.mark.timeout(180)
async def test_all_replicas_are_replaced_under_fifty_streams_and_each_has_every_byte(site: Site, ada: Person) -> None:
    """One is killed and one ends in order; each is back before the next one goes."""
    first, second = site.replicas
    async with site.client(ada) as client:
        sent = await asyncio.gather(*(_send(client, f"nginx-{n}") for n in range(2 * EACH)))
    views = [View() for _ in sent]
    readers = [
        asyncio.create_task(_read(site, ada, each["run"]["id"], view, n % 2 == 0))
        for n, (each, view) in enumerate(zip(sent, views, strict=True))
    ]
    await asyncio.sleep(1)
    first.end(signal.SIGKILL)
    await asyncio.to_thread(first.start)
    async with asyncio.timeout(30):  # what the dead one wrote is gone on with
        while any(view.text.count(" ") < 60 for view in views):
            await asyncio.sleep(0.1)
    await asyncio.to_thread(second.end, signal.SIGTERM)
    await asyncio.to_thread(second.start)
    async with asyncio.timeout(60):
        await asyncio.gather(*readers)
    assert {view.finished and view.finished["state"] for view in views} == {"completed"}
    assert {view.text for view in views} == {counted(LAST)}
