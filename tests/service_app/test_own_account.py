"""One's own account over the wire: profile, password, sessions, tokens, taking everything along, leaving."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.server import documents
from tests.service_app.asking import ask, login, registered, somebody, told
from tests.service_app.process import PASSWORD, Person, Service

PROMISED_S = 2.0


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    return ("--AIChatApp.registration=open", "--AccountRules.registrations=10000")


def test_a_profile_is_changed_as_far_as_it_is_named(service: Service) -> None:
    name, _, client = somebody(service)
    assert ask(client, "GET", "/me").json()["preferences"] == {}
    changed = ask(client, "PATCH", "/me", {"display_name": "Countess", "preferences": {"language": "de", "size": 1.5}})
    assert changed.status_code == 200
    changed = ask(client, "PATCH", "/me", {"preferences": {"theme": "dark", "size": None}})
    me = ask(client, "GET", "/me").json()
    assert changed.json() == me
    assert (me["name"], me["display_name"]) == (name, "Countess")
    assert me["preferences"] == {"language": "de", "theme": "dark"}
    assert ask(client, "PATCH", "/me", {}).json() == me


@pytest.mark.parametrize(
    "preferences",
    [{"$gt": ""}, {"a.b": 1}, {"a": {"$gt": ""}}, {"a": [1]}, {"": 1}, {"a": 2**60}, {"a": "x" * 1025}, {"_id": 1},
     {"__proto__": 1}, {f"p{n}": n for n in range(65)}, [], "x", {"a": 1e300}, {"a\0": 1}],
)  # fmt: skip
def test_preferences_are_plain(service: Service, preferences: Any) -> None:
    _, _, client = somebody(service)
    answer = ask(client, "PATCH", "/me", {"display_name": "Never", "preferences": preferences})
    assert told(answer) == (400, "invalid_request")
    me = ask(client, "GET", "/me").json()
    assert (me["preferences"], me["display_name"] == "Never") == ({}, False)


def test_preferences_are_bounded_over_many_changes(service: Service) -> None:
    _, _, client = somebody(service)
    assert ask(client, "PATCH", "/me", {"preferences": {f"a{n}": n for n in range(40)}}).status_code == 200
    more = ask(client, "PATCH", "/me", {"preferences": {f"b{n}": n for n in range(40)}})
    assert told(more) == (400, "invalid_request")


def test_a_new_password_ends_the_other_sessions(service: Service) -> None:
    name, _, client = somebody(service)
    other = login(service.http, name)
    for wrong, status in (
        ({"password": "wrong horse", "new_password": "another horse"}, 403),
        ({"password": PASSWORD, "new_password": "short"}, 400),
        ({"password": PASSWORD, "new_password": "é" * 37}, 400),
        ({"password": PASSWORD, "new_password": PASSWORD}, 400),
        ({"password": PASSWORD, "new_password": name}, 400),
    ):
        assert ask(client, "POST", "/auth/password", wrong).status_code == status
    assert ask(service.client(other["access_token"]), "GET", "/me").status_code == 200
    assert (
        ask(client, "POST", "/auth/password", {"password": PASSWORD, "new_password": "another horse"}).status_code
        == 204
    )
    assert ask(client, "GET", "/me").status_code == 200
    assert told(ask(service.client(other["access_token"]), "GET", "/me")) == (401, "unauthenticated")
    login(service.http, name, "another horse")
    old = ask(service.http, "POST", "/auth/login", {"username": name, "password": PASSWORD})
    assert told(old) == (401, "unauthenticated")


def test_who_has_a_session_cannot_guess_the_password(service: Service) -> None:
    """Nor does that keep its owner out."""
    name, _, client = somebody(service)
    wrong = {"password": "wrong horse", "new_password": "another horse"}
    answers = [ask(client, "POST", "/auth/password", wrong) for _ in range(11)]
    assert [told(each) for each in answers] == [(403, "forbidden")] * 10 + [(429, "rate_limited")]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert told(ask(client, "DELETE", "/me", {"password": PASSWORD})) == (429, "rate_limited")
    login(service.http, name)


def test_sessions_are_listed_and_ended(service: Service) -> None:
    name, _, client = somebody(service)
    elsewhere = service.client()
    elsewhere.headers["User-Agent"] = "Elsewhere/1.0"
    grant = login(elsewhere, name)
    there = service.client(grant["access_token"])
    newest, oldest = ask(client, "GET", "/sessions").json()["items"]
    assert (newest["agent"], newest["address"], newest["current"]) == ("Elsewhere/1.0", "127.0.0.1", False)
    assert oldest["current"]
    assert newest["created_at"] <= newest["refreshed_at"] < newest["expires_at"]
    assert ask(there, "GET", "/sessions").json()["items"][0]["current"]
    assert ask(client, "DELETE", f"/sessions/{newest['id']}").status_code == 204
    assert told(ask(client, "DELETE", f"/sessions/{newest['id']}")) == (404, "not_found")
    assert told(ask(there, "GET", "/me")) == (401, "unauthenticated")
    assert [each["id"] for each in ask(client, "GET", "/sessions").json()["items"]] == [oldest["id"]]


def test_a_personal_token_does_what_it_may_until_it_is_deleted(service: Service) -> None:
    _, _, client = somebody(service)
    made = ask(client, "POST", "/tokens", {"name": "script", "scopes": ["chats:read"], "days": 3})
    assert made.status_code == 201
    token, record = made.json()["token"], {k: v for k, v in made.json().items() if k != "token"}
    lives = datetime.fromisoformat(record["expires_at"]) - datetime.fromisoformat(record["created_at"])
    assert lives == timedelta(days=3)
    assert ask(client, "GET", "/tokens").json()["items"] == [record]
    script = service.client(token)
    assert ask(script, "GET", "/chats").status_code == 200
    assert ask(script, "GET", "/me").json()["scopes"] == ["chats:read"]
    for method, path, body in (
        ("POST", "/chats", {}), ("GET", "/tokens", None), ("POST", "/tokens", {"name": "x"}), ("GET", "/sessions", None),
        ("PATCH", "/me", {"display_name": "x"}), ("DELETE", "/me", {"password": PASSWORD}), ("GET", "/me/export", None),
        ("POST", "/auth/password", {"password": PASSWORD, "new_password": "another horse"}),
        ("POST", "/auth/logout", None), ("POST", "/auth/logout_all", None), ("GET", "/admin/users", None),
    ):  # fmt: skip
        assert told(ask(script, method, path, body)) == (403, "forbidden"), path
    assert ask(client, "GET", "/tokens").json()["items"][0]["used_at"] is not None
    assert ask(client, "DELETE", f"/tokens/{record['id']}").status_code == 204
    assert told(ask(client, "DELETE", f"/tokens/{record['id']}")) == (404, "not_found")
    assert told(ask(script, "GET", "/chats")) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "body",
    [{"name": ""}, {"name": " "}, {"name": "a\nb"}, {"name": "x" * 101}, {"name": "a", "scopes": []},
     {"name": "a", "scopes": ["account"]}, {"name": "a", "scopes": ["admin"]}, {"name": "a", "scopes": ["*"]},
     {"name": "a", "days": 0}, {"name": "a", "days": 367}, {"name": "a", "days": -1}, {"name": "a", "days": 2**70}],
)  # fmt: skip
def test_no_other_token_can_be_made(service: Service, body: dict[str, Any]) -> None:
    _, _, client = somebody(service)
    assert told(ask(client, "POST", "/tokens", body)) == (400, "invalid_request")
    assert ask(client, "GET", "/tokens").json()["items"] == []


def test_what_is_somebody_elses_is_not_found(service: Service) -> None:
    _, _, client = somebody(service)
    _, _, stranger = somebody(service)
    session = ask(client, "GET", "/sessions").json()["items"][0]["id"]
    token = ask(client, "POST", "/tokens", {"name": "script"}).json()["id"]
    for path, unknown in ((f"/sessions/{session}", "/sessions/unknown"), (f"/tokens/{token}", "/tokens/unknown")):
        foreign, none = ask(stranger, "DELETE", path), ask(stranger, "DELETE", unknown)
        assert (foreign.status_code, foreign.json()) == (none.status_code, none.json())
        assert told(foreign) == (404, "not_found")
    assert client.get("/me").status_code == 200
    assert len(ask(client, "GET", "/tokens").json()["items"]) == 1


def _wait_for_end(client: httpx.Client, sent: dict[str, Any]) -> None:
    client.get(f"/runs/{sent['run']['id']}/events")


def test_a_person_takes_everything_along(service: Service, eve: Person) -> None:
    name, _, client = somebody(service)
    eve.json("POST", "/chats", {"title": "not hers"})
    ask(client, "POST", "/tokens", {"name": "script"})
    chat = client.post("/chats", json={"title": "hers"}).json()["id"]
    sent = client.post(f"/chats/{chat}/messages", json={"text": "Count.", "model": "counter-5-1"}).json()
    _wait_for_end(client, sent)
    answer = ask(client, "GET", "/me/export")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="aichat.jsonl"'
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-store")
    values = [json.loads(line) for line in answer.text.splitlines()]
    kinds = [value["type"] for value in values]
    assert kinds == ["account", "session", "token", *["audit"] * 4, "usage", "chat", "message", "message", "end"]
    assert values[0]["name"] == name
    assert [part["text"] for value in values[-3:-1] for part in value["parts"]] == ["Count.", " 1 2 3 4 5"]
    assert "not hers" not in answer.text
    assert "hash" not in answer.text


async def test_who_leaves_is_gone_and_connections_end(service: Service) -> None:
    name = registered(service)
    grant = login(service.http, name)
    client, other = service.client(grant["access_token"]), service.client(login(service.http, name)["access_token"])
    token = ask(client, "POST", "/tokens", {"name": "script"}).json()["token"]
    chat = client.post("/chats", json={}).json()["id"]
    sent = client.post(f"/chats/{chat}/messages", json={"text": "Go on.", "model": "endless-20"}).json()
    socket = await service.socket(grant["access_token"])
    assert ask(client, "DELETE", "/me", {"password": "wrong horse"}).status_code == 403
    left = ask(client, "DELETE", "/me", {"password": PASSWORD})
    assert left.status_code == 204
    async with asyncio.timeout(PROMISED_S):
        with pytest.raises(ConnectionError) as closed:
            while True:
                await socket.frame()
    assert closed.value.args == (4403,)
    for each in (client, other, service.client(token)):
        assert told(ask(each, "GET", "/me")) == (401, "unauthenticated")
    gone = ask(service.http, "POST", "/auth/login", {"username": name, "password": PASSWORD})
    assert told(gone) == (401, "unauthenticated")
    registered(service, name)
    again = service.client(login(service.http, name)["access_token"])
    assert again.get("/chats").json()["items"] == []
    for path in (f"/chats/{chat}", f"/runs/{sent['run']['id']}"):
        assert told(again.get(path)) == (404, "not_found")


def test_the_document_tells_of_the_routes_of_accounts() -> None:
    paths = documents.openapi()["paths"]
    assert {"/auth", "/auth/login", "/me/export", "/sessions/{session_id}", "/admin/audit"} <= set(paths)
    assert paths["/auth/login"]["post"]["security"] == []
