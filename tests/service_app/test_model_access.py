"""Models that are not for everybody: who is told of them, and who may ask them, by every way to ask."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.server.client import Socket
from tests.service_app.conftest import MODELS
from tests.service_app.process import Person, Service

LARGE, FREE, OWN, SLOW = MODELS
"""The default one is not for everybody."""
FIRST = "counter"
"""The first of those that are listed, which everybody may ask."""


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    return (
        "--ModelAccess.rules={'models': ['counter-4*'], 'group': 'staff'}",
        f"--ModelAccess.rules={{'models': ['scripted/{LARGE}', 'scripted/{OWN}'], 'role': 'admin'}}",
        f"--ModelAccess.rules={{'models': ['{OWN.title()}'], 'user': 'Eve'}}",
        "--ModelAccess.rules={'models': ['ollama/gone', 'ollama/ada/*', 'Tagged:*'], 'role': 'admin'}",
    )


@pytest.fixture(scope="module")
def boss(service: Service) -> Person:
    return service.person("boss", "user", "admin")


def listed(person: Person) -> tuple[set[str], str | None]:
    found = person.json("GET", "/models")
    return {each["name"] for each in found["items"]} & set(MODELS), found["default"]


def refusal(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["code"], answer.json()["details"]["model"]


def test_people_are_told_of_what_is_theirs(ada: Person, eve: Person, boss: Person) -> None:
    assert listed(ada) == ({FREE, SLOW}, FIRST)
    assert listed(eve) == ({FREE, OWN, SLOW}, FIRST)
    assert listed(boss) == (set(MODELS), LARGE)


def test_one_that_is_not_there_is_judged_by_its_name(ada: Person, boss: Person) -> None:
    """It may be there when the answer begins. No Ollama runs here, so nothing is known of its models."""
    for name in (f"{LARGE}:latest", "gone", "gone:latest", "Gone", "ada/gone", "tagged"):
        answer = ada.http.post(
            f"/chats/{ada.json('POST', '/chats', {})['id']}/messages", json={"text": "a", "model": name}
        )
        assert refusal(answer) == (403, "model_not_allowed", name)
    assert boss.send("gone")["run"]["state"] != "ended"


def test_every_request_is_judged(ada: Person, boss: Person) -> None:
    chat = ada.json("POST", "/chats", {"model": LARGE})["id"]
    refused = [
        ada.http.post(f"/chats/{chat}/messages", json={"text": "Count.", **more}) for more in ({}, {"model": LARGE})
    ]
    assert {refusal(each) for each in refused} == {(403, "model_not_allowed", LARGE)}
    assert ada.json("GET", f"/chats/{chat}/messages")["items"] == []
    sent = ada.json("POST", f"/chats/{chat}/messages", {"text": "Count.", "model": FREE})
    ada.json("GET", f"/runs/{sent['run']['id']}")
    for kind, message in (("edit", "message"), ("regenerate", "reply"), ("continue", "reply")):
        body = {"model": OWN, **({"text": "Again."} if kind == "edit" else {})}
        answer = ada.http.post(f"/chats/{chat}/messages/{sent[message]['id']}/{kind}", json=body)
        assert refusal(answer) == (403, "model_not_allowed", OWN), kind
    assert boss.send(LARGE)["run"]["state"] != "failed"


async def test_every_frame_is_judged(service: Service, ada: Person) -> None:
    sent = await asyncio.to_thread(ada.send, FREE)
    socket: Socket = await service.socket(ada.token)
    chat = {"chat_id": sent["run"]["chat_id"], "model": LARGE}
    for kind, fields in (
        ("send", {"text": "a"}),
        ("edit", {"text": "a", "message_id": sent["message"]["id"]}),
        ("regenerate", {"message_id": sent["reply"]["id"]}),
        ("continue", {"message_id": sent["reply"]["id"]}),
    ):
        found = await socket.ask(kind, **chat, **fields)
        assert (found["type"], found.get("code")) == ("error", "model_not_allowed"), kind


def test_who_names_no_model_gets_one_that_is_theirs(ada: Person, boss: Person) -> None:
    for person, expected in ((ada, FIRST), (boss, LARGE)):
        chat = person.json("POST", "/chats", {})["id"]
        sent = person.json("POST", f"/chats/{chat}/messages", {"text": "Count."})
        assert sent["reply"]["model"] == expected


async def test_a_group_opens_and_closes_a_model(service: Service, boss: Person) -> None:
    """Felt at once by requests, and by an open socket, which has to come back."""
    grace = await asyncio.to_thread(service.person, "grace")
    socket = await service.socket(grace.token)
    assert (await socket.ask("send", text="a", model=LARGE))["code"] == "model_not_allowed"
    for groups, code in ((["staff"], None), ([], "model_not_allowed")):
        await asyncio.to_thread(boss.json, "PATCH", f"/admin/users/{grace.owner_id}", {"groups": groups})
        async with asyncio.timeout(4):
            with pytest.raises(ConnectionError):
                await socket.until("gone")
        socket = await service.socket(grace.token)
        assert (await socket.ask("send", text="a", model=LARGE)).get("code") == code
