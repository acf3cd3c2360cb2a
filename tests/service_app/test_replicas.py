"""Two replicas of the service on one MongoDB and one Redis: what ends on one ends on the other, with Redis and without."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from jupyter_aichat.auth.keys import new_secret
from tests import mongo_server, redis_server
from tests.redis_server import RedisServer
from tests.server.client import Socket
from tests.service_app.process import Person, Service, running

WITHIN_S = 2.0
DATABASE = "aichat_test_service_app"


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if not redis_server.binary():
        pytest.skip("no redis-server here: scripts/install-debian.sh test")
    with redis_server.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory, bus: RedisServer) -> Iterator[tuple[Service, Service]]:
    folder, secret = tmp_path_factory.mktemp("replicas"), new_secret()
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        mongo = stack.enter_context(mongo_server.running(folder / "mongo"))

        def start(name: str) -> Service:
            arguments = (
                f"--AIChatApp.redis_url={bus.url}",
                "--Passwords.cost=4",
                "--ScriptedProvider.names=endless-20",
            )
            return stack.enter_context(
                running(folder / name, *arguments, store_url=f"{mongo.url}{DATABASE}", secret=secret)
            )

        one, two = pool.map(start, ("one", "two"))
        yield one, two


@pytest.fixture
def person(replicas: tuple[Service, Service], request: pytest.FixtureRequest) -> Person:
    return replicas[0].person(f"Ada {abs(hash(request.node.name)) % 10**6}")


@pytest.fixture
def root(replicas: tuple[Service, Service], request: pytest.FixtureRequest) -> Person:
    return replicas[0].person(f"Root {abs(hash(request.node.name)) % 10**6}", "user", "admin")


async def _closed(socket: Socket) -> int:
    with pytest.raises(ConnectionError) as caught:
        while True:
            await socket.frame()
    code: int = caught.value.args[0]
    return code


async def _end_and_see(replicas: tuple[Service, Service], person: Person, root: Person) -> None:
    """Log out one session, promote and then disable the account on one replica; the other knows in time."""
    one, two = replicas
    other = await asyncio.to_thread(two.login, person.name, person.owner_id)
    user = f"/admin/users/{person.owner_id}"
    steps = (
        ("logout", person.token, person.http, ("POST", "/auth/logout"), None, 4401),
        ("roles", other.token, root.http, ("PATCH", user), {"roles": ["user", "admin"]}, 4401),
        ("disabled", other.token, root.http, ("PATCH", user), {"disabled": True}, 4403),
    )
    for name, token, client, (method, path), body, code in steps:
        sockets = [await service.socket(token) for service in (one, two)]
        for socket in sockets:
            assert (await socket.frame())["type"] == "hello"
        answer = await asyncio.to_thread(client.request, method, path, json=body)
        assert answer.status_code in (200, 204), answer.text
        async with asyncio.timeout(WITHIN_S):
            assert [await _closed(socket) for socket in sockets] == [code, code], name
        seen = await asyncio.to_thread(httpx.get, f"{two.base}/me", headers={"Authorization": f"Bearer {token}"})
        assert seen.status_code == (200 if name == "roles" else 401)


async def test_an_end_is_heard_on_the_other_replica(
    replicas: tuple[Service, Service], person: Person, root: Person
) -> None:
    await _end_and_see(replicas, person, root)


async def test_without_redis_it_is_seen_within_two_seconds(
    replicas: tuple[Service, Service], person: Person, root: Person, bus: RedisServer
) -> None:
    bus.kill()
    try:
        await _end_and_see(replicas, person, root)
        answer = await asyncio.to_thread(
            httpx.post, f"{replicas[1].base}/auth/login", json={"username": root.name, "password": root.password}
        )
        assert answer.status_code == 200, "nobody can log in without Redis"
    finally:
        bus.start()
