"""The service of a Hub: whom it lets in, as whom, and how soon it hears that it should not."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.hub.process import Hub
from tests.server.client import Socket

USE = "access:services!service=aichat"


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_people_of_the_hub_get_in_as_who_they_are(hub: Hub) -> None:
    ada, eve = hub.chat(hub.token("ada")), hub.chat(hub.token("eve"))
    me = ada.get("/me").json()
    assert (me["name"], me["roles"]) == ("ada", ["user", "admin"])
    assert eve.get("/me").json()["roles"] == ["user"]
    narrow = hub.chat(hub.token("ada", scopes=[USE])).get("/me").json()
    assert (narrow["owner_id"], narrow["roles"]) == (me["owner_id"], ["user"])
    assert ada.get("/admin/users").status_code == 200
    assert told(eve.get("/admin/users")) == (403, "forbidden")


def test_nobody_else_does(hub: Hub) -> None:
    for token in (None, "wrong", "no token", "x" * 2000):
        assert told(hub.chat(token).get("/me")) == (401, "unauthenticated")
    assert told(hub.chat(hub.token("ada", scopes=["read:users:name!user"])).get("/me")) == (403, "forbidden")
    ada = hub.token("ada")
    assert told(hub.chat(None).get("/me", params={"token": ada})) == (401, "unauthenticated")


def test_a_service_has_no_chats_whatever_its_name(hub: Hub) -> None:
    assert told(hub.chat("for-tests-only-of-this-machine").get("/chats")) == (403, "forbidden")


def test_what_is_anothers_is_not_there(hub: Hub) -> None:
    ada, eve = hub.chat(hub.token("ada")), hub.chat(hub.token("eve"))
    chat = ada.post("/chats", json={"title": "Ada's"}).json()["id"]
    assert told(eve.get(f"/chats/{chat}")) == (404, "not_found")
    assert told(eve.request("DELETE", f"/chats/{chat}")) == (404, "not_found")
    assert told(eve.post(f"/chats/{chat}/messages", json={"text": "hi"})) == (404, "not_found")
    assert chat not in eve.get("/chats").text
    assert ada.get(f"/chats/{chat}").status_code == 200


def test_nothing_of_jupyter_and_no_login_of_ours_is_there(hub: Hub) -> None:
    ada = hub.token("ada")
    root = hub.client(f"{hub.url}/services/aichat", ada)
    for path in ("contents", "kernels", "terminals", "sessions", "kernelspecs", "me", "status"):
        assert root.get(f"/api/{path}").status_code == 404, path
    assert root.post("/api/terminals").status_code == 404
    for path in ("/auth", "/sessions", "/tokens", "/auth/invitations"):
        assert told(hub.chat(ada).get(path)) == (404, "not_found")
    assert hub.chat(ada).post("/admin/users", json={"username": "x", "password": "long enough"}).status_code == 405
    assert hub.chat(ada).request("DELETE", "/me", json={"password": "x"}).status_code == 405
    assert "JupyterLab" in root.get("/").text


def _delete_token(hub: Hub, name: str, token: str) -> None:
    for each in hub.api("GET", f"/users/{name}/tokens")["api_tokens"]:
        if each["note"] == token:
            hub.api("DELETE", f"/users/{name}/tokens/{each['id']}")


ENDS: dict[str, Callable[[Hub, str], Any]] = {
    "token": lambda hub, name: _delete_token(hub, name, "to go"),
    "user": lambda hub, name: hub.api("DELETE", f"/users/{name}"),
}


@pytest.mark.parametrize("what", ENDS)
async def test_what_the_hub_takes_away_is_felt_within_two_seconds(hub: Hub, what: str) -> None:
    name = f"leaving-{what}"
    await asyncio.to_thread(hub.api, "POST", f"/users/{name}")
    token = await asyncio.to_thread(lambda: hub.token(name, note="to go"))
    socket, client = await hub.socket(token), hub.chat(token)
    await socket.frame()
    await asyncio.to_thread(ENDS[what], hub, name)
    begun = time.monotonic()
    assert await _closed(socket) == 4403
    assert time.monotonic() - begun < 2
    assert told(await asyncio.to_thread(client.get, "/me")) == (401, "unauthenticated")


async def test_who_is_no_administrator_any_more_is_told_so_within_two_seconds(hub: Hub) -> None:
    members = "/groups/aichat-admins/users"
    await asyncio.to_thread(hub.api, "POST", "/users/grace")
    await asyncio.to_thread(hub.api, "POST", members, {"users": ["grace"]})
    token = await asyncio.to_thread(hub.token, "grace")
    socket, client = await hub.socket(token), hub.chat(token)
    await socket.frame()
    assert (await asyncio.to_thread(client.get, "/admin/audit")).status_code == 200
    await asyncio.to_thread(hub.admin.request, "DELETE", members, json={"users": ["grace"]})
    begun = time.monotonic()
    assert await _closed(socket) == 4401
    assert time.monotonic() - begun < 2
    assert told(await asyncio.to_thread(client.get, "/admin/audit")) == (403, "forbidden")


async def test_who_is_disabled_here_is_shut_out(hub: Hub) -> None:
    admin = hub.chat(await asyncio.to_thread(hub.token, "ada"))
    await asyncio.to_thread(hub.api, "POST", "/users/mallory")
    token = await asyncio.to_thread(hub.token, "mallory")
    socket, client = await hub.socket(token), hub.chat(token)
    await socket.frame()
    owner = (await asyncio.to_thread(client.get, "/me")).json()["owner_id"]
    change = await asyncio.to_thread(lambda: admin.patch(f"/admin/users/{owner}", json={"disabled": True}))
    assert change.status_code == 200
    begun = time.monotonic()
    assert await _closed(socket) == 4403
    assert time.monotonic() - begun < 2
    assert told(await asyncio.to_thread(client.get, "/me")) == (403, "forbidden")
    change = await asyncio.to_thread(lambda: admin.patch(f"/admin/users/{owner}", json={"roles": ["admin"]}))
    assert told(change) == (400, "invalid_request")


async def test_a_hub_that_hangs_is_told_within_three_seconds_and_open_sockets_go_on(hub: Hub) -> None:
    token = await asyncio.to_thread(hub.token, "eve")
    client = hub.client(f"{hub.service_url}/api/aichat/v1", token)
    socket = await hub.socket(token, hub.service_url)
    await socket.frame()
    os.kill(hub.process.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(1.1)  # what was known a second ago counts
        begun = time.monotonic()
        answer = await asyncio.to_thread(client.get, "/me")
        assert time.monotonic() - begun < 3
        assert told(answer) == (503, "not_ready")
        assert "http" not in answer.json()["message"]
        assert (await socket.ask("ping"))["type"] == "ack"
    finally:
        os.kill(hub.process.pid, signal.SIGCONT)
    await asyncio.to_thread(hub.until, lambda: client.get("/me").status_code == 200, 5)
    assert (await socket.ask("ping"))["type"] == "ack"


def test_no_token_is_logged(hub: Hub) -> None:
    token = hub.token("eve")
    hub.chat(token).get("/chats")
    assert token not in hub.log()


async def _closed(socket: Socket) -> int | None:
    with pytest.raises(ConnectionError):
        while True:
            await socket.frame()
    return socket.connection.close_code
