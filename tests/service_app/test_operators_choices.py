"""What an operator may decide: an authorizer of their own, which proxies are believed, and how long chats are kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPClientError

from jupyter_aichat.domain.ids import OwnerId
from tests.arrivals import forget_arrivals
from tests.service.processes import within
from tests.service_app.matrix import FILE
from tests.service_app.process import ORIGIN, PASSWORD, Person, Service

LONG_AGO = "2020-02-02T12:00:00Z"


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    return (
        "--ServerApp.authorizer_class=tests.service_app.authorizers.Guests",
        "--AIChatApp.trusted_proxies=127.0.0.1",
        "--AIChatApp.trusted_proxies=10.0.0.0/8",
        "--Retention.days_by_group=Brief=30",
        "--Retention.every_s=1",
    )


@pytest.fixture(scope="module")
def guest(service: Service) -> Person:
    return service.person("Guest")


@pytest.fixture(scope="module")
def blind(service: Service) -> Person:
    return service.person("Blind")


# The authorizer


def test_requests_that_the_authorizer_forbids_are_forbidden(guest: Person, blind: Person, ada: Person) -> None:
    for person, method, status in (
        (ada, "GET", 200), (ada, "POST", 201), (guest, "GET", 200), (guest, "POST", 403), (blind, "GET", 403),
        (blind, "POST", 403),
    ):  # fmt: skip
        answer = person.http.request(method, "/chats", json={} if method == "POST" else None)
        assert answer.status_code == status, (person.name, method)
        assert status < 400 or answer.json()["code"] == "forbidden"


def test_streams_that_the_authorizer_forbids_are_forbidden(guest: Person, blind: Person) -> None:
    for person, status in ((guest, 200), (blind, 403)):
        with person.http.stream("GET", "/events") as answer:
            assert answer.status_code == status


async def test_frames_that_the_authorizer_forbids_are_forbidden(service: Service, guest: Person, blind: Person) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await service.socket(blind.token)
    assert caught.value.code == 403
    socket = await service.socket(guest.token)
    for kind, fields in (
        ("send", {"text": "a"}),
        ("edit", {"text": "a", "chat_id": "x", "message_id": "x"}),
        ("regenerate", {"chat_id": "x", "message_id": "x"}),
        ("continue", {"chat_id": "x", "message_id": "x"}),
        ("stop", {"run_id": "x"}),
    ):
        found = await socket.ask(kind, **fields)
        assert (found["type"], found.get("code")) == ("error", "forbidden"), kind
    assert (await socket.ask("subscribe", chat_id="x"))["code"] == "not_found"
    assert (await socket.ask("ping"))["type"] == "ack"
    assert guest.json("GET", "/chats")["items"] == []


async def test_the_authorizer_hears_roles(service: Service) -> None:
    boss = await asyncio.to_thread(service.person, "guest of honour", "user", "admin")
    socket = await service.socket(boss.token)
    assert (await socket.ask("send", text="a", model="counter-5-1"))["type"] == "ack"


# Proxies


def _seen(service: Service, ada: Person, **headers: str) -> tuple[str, Any]:
    """Log in as if through proxies; return the address that the session is known by, and the answer's cookie."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"username": ada.name, "password": PASSWORD, "cookie": True}
    answer = httpx.post(f"{service.base}/auth/login", json=body, headers=sent)
    assert answer.status_code == 200, answer.text
    token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    sessions = httpx.get(f"{service.base}/sessions", headers=token).json()["items"]
    (current,) = [each for each in sessions if each["current"]]
    return str(current["address"]), answer.headers.get("Set-Cookie", "")


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("2001:db8::5", "2001:db8::5"),
        ("garbage", "127.0.0.1"),
    ],
)
def test_the_address_is_what_trusted_proxies_say(service: Service, ada: Person, forwarded: str, address: str) -> None:
    assert _seen(service, ada, X_Forwarded_For=forwarded)[0] == address


def test_cookies_are_secure_behind_a_proxy_with_tls(service: Service, ada: Person) -> None:
    assert "secure" in _seen(service, ada, X_Forwarded_Proto="https")[1].lower()
    assert "secure" not in _seen(service, ada)[1].lower()


def test_the_log_has_the_clients_address(service: Service) -> None:
    service.http.get("/nowhere", headers={"X-Forwarded-For": "203.0.113.77"})
    within(2, lambda: "@203.0.113.77)" in service.log.read_text())


# How long chats are kept


def test_a_chat_of_a_group_goes_after_its_time_and_its_owner_is_told(service: Service, ada: Person) -> None:
    ben = service.person("Ben")
    owner = OwnerId(ben.owner_id)
    service.with_accounts(lambda found: found.administration.join(OwnerId("boss"), ORIGIN, owner, ["brief"]))
    within(5, lambda: ben.json("GET", "/me")["keeps_chats_days"] == 30)
    assert (ben.json("GET", "/me")["keeps_pinned"], ada.json("GET", "/me")["keeps_chats_days"]) == (True, None)
    new = ben.json("POST", "/chats", {"title": "new"})["id"]
    old = {**FILE["chats"][0], "created_at": LONG_AGO, "updated_at": LONG_AGO}
    of_ada, of_ben = [
        person.json("POST", "/import", {**FILE, "chats": [old]})["items"][0]["id"] for person in (ada, ben)
    ]
    assert ben.http.get(f"/chats/{of_ben}").status_code == 200
    forget_arrivals(Path(service.store_url.removeprefix("sqlite:///")))
    within(10, lambda: ben.http.get(f"/chats/{of_ben}").status_code == 404)
    assert [chat["id"] for chat in ben.json("GET", "/chats")["items"]] == [new]
    assert ada.http.get(f"/chats/{of_ada}").status_code == 200
