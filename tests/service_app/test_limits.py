"""How much a service takes from one person or one address, over HTTP and sockets; and quotas."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack, suppress
from itertools import count
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPClientError

from tests.service_app.process import Person, Service

REQUESTS, SENDS, STRANGERS, CONNECTIONS = 40, 5, 20, 3
MODEL = "counter-5-1"
_numbers = count()


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    rules = [
        {"user": "poor*", "tokens_per_day": 1000},
        {"user": "poor*", "model": "endless-20", "seconds_per_month": 30},
    ]
    return (
        f"--RequestLimits.per_minute={REQUESTS}",
        f"--RequestLimits.sends_per_minute={SENDS}",
        f"--RequestLimits.strangers_per_minute={STRANGERS}",
        f"--RequestLimits.connections={CONNECTIONS}",
        "--AIChatApp.trusted_proxies=127.0.0.1",
        *(f"--Quotas.rules={json.dumps(rule)}" for rule in rules),
    )


@pytest.fixture
def person(service: Service) -> Person:
    """Somebody who has asked nothing yet."""
    return service.person(f"Person{next(_numbers)}")


@pytest.fixture
def poor(service: Service) -> Person:
    """Somebody with a quota of a thousand tokens a day."""
    return service.person(f"poor{next(_numbers)}")


def refused(answer: httpx.Response, code: str = "rate_limited") -> dict[str, Any]:
    """The details of a refusal, which its headers tell too."""
    assert (answer.status_code, answer.json()["code"]) == (429, code)
    details: dict[str, Any] = answer.json()["details"]
    assert answer.headers["Retry-After"] == str(details["retry_after"])
    return details


# Requests


def test_every_answer_tells_what_is_left_until_nothing_is(person: Person, ada: Person) -> None:
    answers = [person.http.get("/chats") for _ in range(REQUESTS + 2)]
    assert [answer.status_code for answer in answers] == [200] * REQUESTS + [429] * 2
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {f'"default";q={REQUESTS};w=60'}
    left = [answer.headers["RateLimit"].partition(";t=")[0] for answer in answers]
    assert left == [f'"default";r={n}' for n in (*range(REQUESTS - 1, -1, -1), 0, 0)]
    details = refused(answers[-1])
    assert 50 <= details["retry_after"] <= 66
    assert answers[-1].headers["RateLimit"] == f'"default";r=0;t={details["retry_after"]}'
    assert ada.http.get("/chats").status_code == 200


def test_errors_tell_it_too_and_count(person: Person) -> None:
    answer = person.http.get("/chats/unknown")
    assert answer.status_code == 404
    assert answer.headers["RateLimit"].startswith(f'"default";r={REQUESTS - 1};')
    answer = person.http.put("/chats")
    assert answer.status_code == 405
    assert answer.headers["RateLimit"].startswith(f'"default";r={REQUESTS - 2};')


def test_all_sessions_and_tokens_of_a_person_count_together(service: Service, person: Person) -> None:
    other = service.login(person.name, person.owner_id)
    token = service.client(service.personal_token(person, "chats:read"))
    for client in (person.http, other.http, token):
        assert client.get("/chats").status_code == 200
    assert person.http.get("/chats").headers["RateLimit"].startswith(f'"default";r={REQUESTS - 4};')


def test_balancers_are_never_refused(service: Service) -> None:
    for _ in range(STRANGERS + 5):
        answer = service.http.get("/health")
        assert (answer.status_code, "RateLimit" in answer.headers) == (200, False)


def test_sends_are_counted_apart_and_one_can_always_stop(person: Person) -> None:
    chat = person.json("POST", "/chats", {})["id"]
    path, body = f"/chats/{chat}/messages", {"text": "Count.", "model": "endless-20", "parent_id": None}
    answers = [person.http.post(path, json=body) for _ in range(SENDS + 1)]
    assert [answer.status_code for answer in answers] == [202] * SENDS + [429]
    assert answers[0].headers["RateLimit-Policy"] == f'"default";q={REQUESTS};w=60, "sends";q={SENDS};w=60'
    assert f'"sends";r={SENDS - 1};t=' in answers[0].headers["RateLimit"]
    refused(answers[-1])
    assert len(person.json("GET", path)["items"]) == 2 * SENDS
    while person.http.get("/chats").status_code == 200:
        pass
    for answer in answers[:SENDS]:
        assert person.http.delete(f"/runs/{answer.json()['run']['id']}").status_code in (200, 202)


# Addresses


def stranger(service: Service, forwarded: str, token: str | None = None) -> httpx.Response:
    """Ask without a valid login, from an address as the proxy tells it."""
    headers = {"X-Forwarded-For": forwarded, **({"Authorization": f"Bearer {token}"} if token else {})}
    return service.http.get("/me", headers=headers)


def test_nobody_tries_without_a_login_for_ever(service: Service, person: Person) -> None:
    answers = [stranger(service, "198.51.100.1", token) for token in (None, "wrong") * (STRANGERS // 2 + 1)]
    assert [answer.status_code for answer in answers] == [401] * STRANGERS + [429] * 2
    assert answers[0].headers["RateLimit-Policy"] == f'"default";q={STRANGERS};w=60'
    refused(answers[-1])
    assert stranger(service, "198.51.100.2").status_code == 401
    assert person.http.get("/me", headers={"X-Forwarded-For": "198.51.100.1"}).status_code == 200


def test_what_a_client_forges_before_its_address_makes_it_nobody_else(service: Service) -> None:
    answers = [stranger(service, f"192.0.2.{n}, 198.51.100.7") for n in range(STRANGERS + 1)]
    assert [answer.status_code for answer in answers] == [401] * STRANGERS + [429]


def test_a_network_of_ipv6_is_one_address(service: Service) -> None:
    answers = [stranger(service, f"2001:db8:1:2::{n:x}") for n in range(1, STRANGERS + 2)]
    assert [answer.status_code for answer in answers] == [401] * STRANGERS + [429]
    assert stranger(service, "2001:db8:1:3::1").status_code == 401


# Connections


async def test_so_many_sockets_and_streams_may_be_open_at_once(service: Service, person: Person) -> None:
    sockets = [await service.socket(person.token) for _ in range(CONNECTIONS - 1)]
    with ExitStack() as open_streams:
        stream = open_streams.enter_context(person.http.stream("GET", "/events"))
        assert stream.status_code == 200
        with pytest.raises(HTTPClientError) as caught:
            await service.socket(person.token)
        assert caught.value.code == 429
        assert refused(person.http.get("/events"))["limit"] == CONNECTIONS
        assert person.http.get("/me").status_code == 200
    sockets[0].connection.close()
    reopened = 0
    async with asyncio.timeout(10):
        while reopened < 2:
            with suppress(HTTPClientError):
                await service.socket(person.token)
                reopened += 1
            await asyncio.sleep(0.05)


async def test_frames_are_counted_too_and_one_can_always_stop(service: Service, person: Person) -> None:
    socket = await service.socket(person.token)
    sends = [await socket.ask("send", text="Count.", model="endless-20") for _ in range(SENDS + 1)]
    assert [frame["type"] for frame in sends] == ["ack"] * SENDS + ["error"]
    assert sends[-1]["code"] == "rate_limited"
    assert 50 <= sends[-1]["details"]["retry_after"] <= 66
    answer = person.http.post(f"/chats/{sends[0]['chat_id']}/messages", json={"text": "Count.", "parent_id": None})
    refused(answer)
    others = [await socket.ask("unsubscribe", run_id="x") for _ in range(REQUESTS)]
    assert [frame.get("code") for frame in others] == [None] * (REQUESTS - SENDS) + ["rate_limited"] * SENDS
    for frame in sends[:SENDS]:
        assert (await socket.ask("stop", run_id=frame["run"]["id"]))["type"] == "ack"


# Quotas


def until_ended(person: Person, run: str) -> dict[str, Any]:
    for _ in range(20):
        time.sleep(0.1)
        found: dict[str, Any] = person.json("GET", f"/runs/{run}")
        if found["state"] not in ("queued", "loading", "streaming"):
            return found
    raise AssertionError("the run goes on")


def test_a_person_is_told_what_is_left_until_it_is_used_up(poor: Person, person: Person) -> None:
    assert person.json("GET", "/me")["limits"]["quotas"] == []
    assert [each["used"] for each in poor.json("GET", "/me")["limits"]["quotas"]] == [0, 0]
    run = poor.send(MODEL, "x " * 450)["run"]["id"]
    usage = until_ended(poor, run)["usage"]
    tokens, seconds = poor.json("GET", "/me")["limits"]["quotas"]
    assert tokens["used"] == usage["prompt_tokens"] + usage["completion_tokens"] > 400
    assert (tokens["model"], tokens["quota"], tokens["limit"]) == ("*", "tokens_per_day", 1000)
    assert (seconds["model"], seconds["quota"], seconds["used"]) == ("endless-20", "seconds_per_month", 0)
    chat = poor.json("POST", "/chats", {})["id"]
    answer = poor.http.post(f"/chats/{chat}/messages", json={"text": "y " * 450, "model": MODEL})
    details = refused(answer, "quota_exceeded")
    assert details == {
        "quota": "tokens_per_day", "model": "*", "limit": 1000, "used": tokens["used"], "resets_at": tokens["resets_at"],
        "retry_after": details["retry_after"],
    }  # fmt: skip
    assert 0 < details["retry_after"] <= 24 * 3600
    assert poor.json("GET", f"/chats/{chat}/messages")["items"] == []


async def test_a_frame_is_refused_as_a_request_is(service: Service, poor: Person) -> None:
    socket = await service.socket(poor.token)
    first = await socket.ask("send", text="Count.", model="endless-20", options={"num_predict": 50})
    second = await socket.ask("send", text="Count.", model="endless-20", options={"num_predict": 50})
    assert (first["type"], second["type"], second["code"]) == ("ack", "error", "quota_exceeded")
    assert (second["details"]["quota"], second["details"]["retry_after"]) == ("seconds_per_month", 5)
    assert len(poor.json("GET", "/chats")["items"]) == 1


# Usage


def test_administrators_see_what_everybody_used(admin: Person, person: Person, poor: Person) -> None:
    for who in (person, poor):
        until_ended(who, who.send(MODEL)["run"]["id"])
    everybody = admin.json("GET", "/admin/usage")["items"]
    mine = [each for each in everybody if each["owner_id"] == person.owner_id]
    assert [(each["name"], each["model"], each["runs"]) for each in mine] == [(person.name, f"scripted/{MODEL}", 1)]
    assert mine[0]["prompt_tokens"] > 0
    assert mine[0]["completion_tokens"] == 5
    assert poor.owner_id in {each["owner_id"] for each in everybody}
    own = person.json("GET", "/me/usage")
    assert own == {"items": [{name: mine[0][name] for name in own["items"][0]}], "next": None}
    assert "owner_id" not in own["items"][0]
    assert person.json("GET", "/me/usage?since=9999-01-01")["items"] == []
    assert person.json("GET", f"/me/usage?owner_id={poor.owner_id}") == own
    day = mine[0]["day"]
    only = admin.json("GET", f"/admin/usage?owner_id={person.owner_id}&since={day}&until={day}&limit=1")
    assert (only["items"], only["next"]) == (mine, None)
    page = admin.json("GET", "/admin/usage?limit=1")
    assert page["items"] + admin.json("GET", f"/admin/usage?cursor={page['next']}")["items"] == everybody
    assert person.http.get("/admin/usage").status_code == 403
    assert admin.http.get("/admin/usage?cursor=x").status_code == 400
    assert admin.http.get("/admin/usage?since=yesterday").status_code == 400


def test_what_one_used_is_in_the_file_of_all_that_is_ones_own(person: Person) -> None:
    until_ended(person, person.send(MODEL)["run"]["id"])
    lines = [json.loads(line) for line in person.http.get("/me/export").text.splitlines()]
    (used,) = [line for line in lines if line["type"] == "usage"]
    assert (used["model"], used["completion_tokens"], used["runs"]) == (f"scripted/{MODEL}", 5, 1)


def test_who_deletes_the_chat_in_the_middle_of_an_answer_pays_for_it(poor: Person) -> None:
    sent = poor.send("counter-40-2", "x " * 450)
    with poor.http.stream("GET", f"/runs/{sent['run']['id']}/events") as events:
        lines = events.iter_lines()
        next(line for line in lines if "text_delta" in line)
        assert poor.http.delete(f"/chats/{sent['run']['chat_id']}").status_code == 204
        assert '"deleted"' in [line for line in lines if line.startswith("data:")][-1]
    assert poor.json("GET", "/me")["limits"]["quotas"][0]["used"] > 200


def test_an_administrator_gives_a_person_other_quotas(admin: Person, poor: Person) -> None:
    user = f"/admin/users/{poor.owner_id}"
    changed = admin.json(
        "PATCH", user, {"quotas": [{"tokens_per_day": 5}, {"model": "endless-20", "tokens_per_day": 0}]}
    )
    assert changed["quotas"][0] == {
        "model": "*", "tokens_per_day": 5, "tokens_per_month": None, "seconds_per_day": None, "seconds_per_month": None,
    }  # fmt: skip
    limits = poor.json("GET", "/me")["limits"]["quotas"]
    assert [(each["model"], each["quota"], each["limit"]) for each in limits] == [
        ("*", "tokens_per_day", 5), ("endless-20", "tokens_per_day", 0),
    ]  # fmt: skip
    assert admin.json("PATCH", user, {"quotas": [{}]})["quotas"][0]["tokens_per_day"] is None
    assert admin.http.patch(user, json={"quotas": [{"tokens_per_day": -1}]}).status_code == 400
    assert admin.http.patch(user, json={"quotas": [{"user": "x"}]}).status_code == 400
    (record,) = admin.json("GET", f"/admin/audit?account={poor.owner_id}&action=quotas_changed&limit=1")["items"]
    assert record["actor"] == admin.owner_id
