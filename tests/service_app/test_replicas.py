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
from tests.collector import ENVIRONMENT, Collector, Seen, collecting
from tests.redis_server import RedisServer
from tests.server.client import Socket
from tests.service_app.process import Person, Service, running
from tests.service_app.reader import reading

WITHIN_S = 2.0
SENDS = 6
DATABASE = "aichat_test_service_app"


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if not redis_server.binary():
        pytest.skip("no redis-server here: scripts/install-debian.sh test")
    with redis_server.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def replicas(
    tmp_path_factory: pytest.TempPathFactory, bus: RedisServer, collector: Collector
) -> Iterator[tuple[Service, Service]]:
    folder, secret = tmp_path_factory.mktemp("replicas"), new_secret()
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        mongo = stack.enter_context(mongo_server.running(folder / "mongo"))

        def start(name: str) -> Service:
            arguments = (
                f"--AIChatApp.redis_url={bus.url}",
                f"--AIChatApp.traces_url={collector.url}",
                "--Passwords.cost=4",
                "--ScriptedProvider.names=endless-20",
                f"--RequestLimits.sends_per_minute={SENDS}",
                '--Quotas.rules={"user": "poor*", "seconds_per_day": 50}',
            )
            return stack.enter_context(
                running(
                    folder / name,
                    *arguments,
                    store_url=f"{mongo.url}{DATABASE}",
                    secret=secret,
                    environment=ENVIRONMENT,
                )
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


def _sends_at_once(replicas: tuple[Service, Service], person: Person, count: int) -> list[httpx.Response]:
    """Send so many questions at once, every other one to the other replica."""
    chat = person.json("POST", "/chats", {})["id"]
    body = {"text": "Count.", "model": "endless-20", "parent_id": None}
    headers = {"Authorization": f"Bearer {person.token}"}

    def send(n: int) -> httpx.Response:
        return httpx.post(f"{replicas[n % 2].base}/chats/{chat}/messages", json=body, headers=headers, timeout=20)

    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(send, range(count)))
    for answer in answers:
        if answer.status_code == 202:
            person.json("DELETE", f"/runs/{answer.json()['run']['id']}")
    return answers


def test_sends_are_counted_over_both_replicas(replicas: tuple[Service, Service], person: Person) -> None:
    answers = _sends_at_once(replicas, person, 2 * SENDS)
    assert sorted(answer.status_code for answer in answers) == [202] * SENDS + [429] * SENDS


def test_many_sends_at_once_to_both_replicas_do_not_pass_a_quota(replicas: tuple[Service, Service]) -> None:
    answers = _sends_at_once(replicas, replicas[0].person("poor Ada"), SENDS)
    assert sorted(answer.status_code for answer in answers) == [202] * 2 + [429] * (SENDS - 2)
    assert {answer.json()["code"] for answer in answers if answer.status_code == 429} == {"quota_exceeded"}


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


async def _read_on_the_other(replicas: tuple[Service, Service], person: Person) -> None:
    """An answer of one replica is read live on the other, which shows its readers out when the share is revoked."""
    two = replicas[1]
    chat = await asyncio.to_thread(person.json, "POST", "/chats", {"title": "Moons"})
    path = f"/chats/{chat['id']}"
    question = {"text": "How many?", "model": "endless-20"}
    share = await asyncio.to_thread(person.json, "POST", f"{path}/shares", {})
    async with reading(two, share["token"]) as reader:
        await reader.wait(lambda each: each.frames)
        sent = await asyncio.to_thread(person.json, "POST", f"{path}/messages", question)
        await reader.wait(lambda each: len(each.text()) > 10)
        before = reader.text()
        await reader.wait(lambda each: len(each.text()) > len(before) + 10)
        answer = await asyncio.to_thread(person.http.delete, f"{path}/shares/{share['id']}")
        assert answer.status_code == 204
        await reader.wait_for_end(WITHIN_S)
    await asyncio.to_thread(person.http.delete, f"/runs/{sent['run']['id']}")


async def test_a_shared_chat_is_read_on_the_other_replica(replicas: tuple[Service, Service], person: Person) -> None:
    await _read_on_the_other(replicas, person)


async def test_a_shared_chat_is_read_on_the_other_replica_without_redis(
    replicas: tuple[Service, Service], person: Person, bus: RedisServer
) -> None:
    bus.kill()
    try:
        await _read_on_the_other(replicas, person)
    finally:
        bus.start()


def test_an_answer_that_is_handed_over_is_one_trace(
    replicas: tuple[Service, Service], person: Person, collector: Collector
) -> None:
    """The first replica ends in the middle of an answer, and is not there any more: this test is the last."""
    one, two = replicas
    sent = person.send("endless-20")
    run = sent["run"]["id"]

    def runs(epoch: int) -> list[Seen]:
        return collector.named("run", aichat__run__id=run, aichat__run__epoch=epoch)

    with one.http.stream("GET", f"/runs/{run}/events", headers={"Authorization": f"Bearer {person.token}"}) as events:
        next(line for line in events.iter_lines() if '"text_delta"' in line)
        assert one.terminate() == 0
    (first,) = collector.wait(lambda _: runs(1))
    assert first.attributes["aichat.run.let_go"] is True
    there = two.client(person.token)
    with there.stream("GET", f"/runs/{run}/events") as events:
        next(line for line in events.iter_lines() if '"snapshot"' in line)
    there.delete(f"/runs/{run}").raise_for_status()
    (second,) = collector.wait(lambda _: runs(2))
    (request,) = collector.wait(
        lambda _: collector.named("POST /chats/{chat_id}/messages", http__response__status_code=202)[-1:]
    )
    assert second.attributes["aichat.run.state"] == "stopped"
    assert {first.trace_id, second.trace_id} == {request.trace_id}
    assert {first.parent_id, second.parent_id} == {request.span_id}
    assert first.resource["service.instance.id"] != second.resource["service.instance.id"]
