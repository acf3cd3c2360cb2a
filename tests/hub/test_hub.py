"""A real Hub: whom its chat service lets in, as whom, how soon it hears that it should not, and people's own servers before it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.hub.process import BASE, Hub
from tests.kernel.kernels import Kernel, served_kernel
from tests.server.client import Socket, counted
from tests.server.process import Server
from tests.service_app.process import running as running_service
from tests.service_app.process import surroundings

USE = "access:services!service=aichat"


def told(answer: httpx.Response) -> tuple[int, str]:
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


def test_a_token_to_read_changes_nothing(hub: Hub) -> None:
    whole = hub.chat(hub.token("eve"))
    chat = whole.post("/chats", json={"title": "Eve's"}).json()["id"]
    reads = hub.chat(hub.token("eve", scopes=["custom:aichat:read"]))
    assert reads.get(f"/chats/{chat}").json()["title"] == "Eve's"
    assert reads.get("/me").json()["scopes"] == ["chats:read"]
    assert told(reads.patch(f"/chats/{chat}", json={"title": "x"})) == (403, "forbidden")
    assert told(reads.post(f"/chats/{chat}/messages", json={"text": "hi"})) == (403, "forbidden")
    assert told(reads.get("/me/export")) == (403, "forbidden")


def test_a_model_is_for_those_who_have_its_scope(hub: Hub) -> None:
    ada, eve, narrow = (
        hub.chat(hub.token(name, **more)) for name, more in (("ada", {}), ("eve", {}), ("ada", {"scopes": [USE]}))
    )
    for client, may in ((ada, True), (eve, False), (narrow, False)):
        names = {each["name"] for each in client.get("/models").json()["items"]}
        assert ("counter-9-1" in names) == may
        chat = client.post("/chats", json={}).json()["id"]
        answer = client.post(f"/chats/{chat}/messages", json={"text": "Count.", "model": "counter-9-1"})
        assert told(answer) == ((202, "") if may else (403, "model_not_allowed"))


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
    assert root.get("/").status_code == 302  # the page, for who logs in at the Hub


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
    await asyncio.to_thread(hub.api, "POST", "/users/heidi")
    await asyncio.to_thread(hub.api, "POST", members, {"users": ["heidi"]})
    token = await asyncio.to_thread(hub.token, "heidi")
    socket, client = await hub.socket(token), hub.chat(token)
    await socket.frame()
    assert (await asyncio.to_thread(client.get, "/admin/audit")).status_code == 200
    await asyncio.to_thread(hub.admin.request, "DELETE", members, json={"users": ["heidi"]})
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


async def _closed(socket: Socket) -> int | None:
    with pytest.raises(ConnectionError):
        while True:
            await socket.frame()
    return socket.connection.close_code


async def test_who_is_renamed_is_somebody_else_here(hub: Hub) -> None:
    await asyncio.to_thread(hub.api, "POST", "/users/judy")
    token = await asyncio.to_thread(hub.token, "judy")
    client = hub.chat(token)
    chat = (await asyncio.to_thread(lambda: client.post("/chats", json={"title": "Judy's"}))).json()["id"]
    socket = await hub.socket(token)
    await socket.frame()
    await asyncio.to_thread(hub.api, "PATCH", "/users/judy", {"name": "judith"})
    begun = time.monotonic()
    assert await _closed(socket) == 4401  # else it would go on as the old name
    assert time.monotonic() - begun < 2
    assert (await asyncio.to_thread(client.get, "/me")).json()["name"] == "judith"
    assert told(await asyncio.to_thread(client.get, f"/chats/{chat}")) == (404, "not_found")


# A service that is started elsewhere


def _elsewhere(api_url: str) -> tuple[str, ...]:
    return ("--HubMode.service_name=aichat", f"--HubMode.api_url={api_url}")


def test_a_service_that_the_hub_did_not_start(hub: Hub, tmp_path: Path) -> None:
    token = hub.token("ada")
    with running_service(tmp_path, *_elsewhere(hub.api_url)) as service:
        assert service.url.endswith("/services/aichat/")
        me = service.client(token).get("/me").json()
        assert (me["name"], me["owner_id"]) == ("ada", hub.chat(token).get("/me").json()["owner_id"])
        assert told(service.client("wrong").get("/me")) == (401, "unauthenticated")
        hub.chat(token).post("/chats", json={"title": "In another store"})
        assert service.client(token).get("/chats").json()["items"] == []
        assert "JupyterLab" in httpx.get(service.url).text  # it has no token of its own, so that there is no page


def test_a_hub_that_is_not_there_is_said_at_once(hub: Hub, tmp_path: Path) -> None:
    """Somebody else answers at the one address, nobody at the other."""
    token = hub.token("ada")
    for name, api_url in (("nobody", "http://127.0.0.1:9/hub/api"), ("another", f"{hub.url}/hub/login")):
        with running_service(tmp_path / name, *_elsewhere(api_url)) as service:
            begun = time.monotonic()
            answer = service.client(token).get("/me")
            assert told(answer) == (503, "not_ready")
            assert time.monotonic() - begun < 3
            assert "127.0.0.1" not in answer.text
            assert service.http.get("/ready").status_code == 200
            assert token not in service.log.read_text()


def test_the_doctor_looks_at_the_hub(hub: Hub, tmp_path: Path) -> None:
    def look(api_url: str, **told: str) -> dict[str, str]:
        command = [sys.executable, "-m", "jupyter_aichat", "doctor", "--json", *_elsewhere(api_url)]
        environment = {**surroundings(tmp_path), "AICHAT_STORE_URL": str(tmp_path / "chats.sqlite3"), **told}
        done = subprocess.run(
            command, check=False, env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=60
        )
        found = map(json.loads, done.stdout.splitlines())
        return {each["part"]: each["level"] for each in found}

    assert look(hub.api_url).items() >= {"hub": "ok", "secret": "ok"}.items()
    assert look("http://127.0.0.1:9/hub/api")["hub"] == "fail"
    assert look(hub.api_url, JUPYTERHUB_API_TOKEN="nobodys")["hub"] == "fail"


# People's own servers


class Own(NamedTuple):
    """Somebody's own server: its token, what its owner's browser uses, and a client of its chat with that."""

    name: str
    server_token: str
    owners_token: str
    url: str
    chat: httpx.Client


def _own(hub: Hub, name: str) -> Own:
    server_token, owners = hub.start_server(name), hub.token(name, scopes=[f"access:servers!user={name}"])
    url = f"{hub.url}/user/{name}"
    return Own(name, server_token, owners, url, hub.client(f"{url}/{BASE}", owners))


@pytest.fixture(scope="module")
def ada(hub: Hub) -> Own:
    return _own(hub, "ada")


@pytest.fixture(scope="module")
def eve(hub: Hub) -> Own:
    return _own(hub, "eve")


@pytest.fixture(scope="module")
def kernel(hub: Hub, ada: Own) -> Iterator[Kernel]:
    server = Server(hub.process, f"{ada.url}/", hub.folder / "hub.log")
    server.http.headers["Authorization"] = f"token {ada.owners_token}"
    with server.http, served_kernel(server, ada.owners_token) as kernel:
        yield kernel


def test_each_ones_chats_are_the_same_through_the_own_server_and_at_the_service(hub: Hub, ada: Own, eve: Own) -> None:
    chat = ada.chat.post("/chats", json={"title": "From my server"}).json()["id"]
    assert hub.chat(hub.token("ada")).get(f"/chats/{chat}").json()["title"] == "From my server"
    assert ada.chat.get("/me").json()["name"] == "ada"
    assert eve.chat.get("/me").json()["name"] == "eve"
    assert told(eve.chat.get(f"/chats/{chat}")) == (404, "not_found")
    assert chat not in eve.chat.get("/chats").text


def test_a_servers_token_is_for_chats_and_administers_nothing(hub: Hub, ada: Own) -> None:
    assert hub.chat(ada.server_token).get("/me").json()["roles"] == ["user"]
    assert told(hub.chat(ada.server_token).get("/admin/users")) == (403, "forbidden")
    assert ada.chat.get("/admin/users").status_code == 404


def test_nobody_is_somebody_else_in_anothers_server(hub: Hub, ada: Own, eve: Own) -> None:
    at_adas = f"{ada.url}/{BASE}"
    assert hub.client(at_adas, eve.owners_token).get("/chats").status_code == 403
    assert hub.client(at_adas, eve.server_token).get("/chats").status_code == 403


def test_who_is_let_into_anothers_server_stays_who_they_are(hub: Hub, ada: Own) -> None:
    """Grace looks into Ada's server, as administrators of a Hub do: with a token that may use the chat, and with one that may not."""
    chat = ada.chat.post("/chats", json={"title": "Not for visitors"}).json()["id"]
    grace = hub.client(f"{ada.url}/{BASE}", hub.token("grace"))
    assert grace.get("/me").json()["name"] == "grace"
    assert told(grace.get(f"/chats/{chat}")) == (404, "not_found")
    looking = hub.client(f"{ada.url}/{BASE}", hub.token("grace", scopes=["access:servers!user=ada"]))
    assert told(looking.get("/me")) == (403, "forbidden")
    assert told(looking.post("/chats", json={})) == (403, "forbidden")


def test_a_service_that_may_look_into_servers_is_nobody(hub: Hub, ada: Own) -> None:
    assert told(hub.client(f"{ada.url}/{BASE}", "for-tests-only-of-this-machine").get("/chats")) == (403, "forbidden")


async def test_answers_stream_through_the_own_server(hub: Hub, ada: Own) -> None:
    socket = await hub.socket(ada.owners_token, ada.url)
    assert (await socket.frame())["principal"]["name"] == "ada"
    chat = (await asyncio.to_thread(lambda: ada.chat.post("/chats", json={}))).json()["id"]
    ack = await socket.ask("send", chat_id=chat, text="Count.", model="counter-5-1")
    events = [each["event"] for each in await socket.events(ack["run"]["id"])]
    assert "".join(each["text"] for each in events if each["type"] == "text_delta") == counted(5)


def test_a_cell_asks_the_service(kernel: Kernel, ada: Own) -> None:
    done = kernel.run("%%chat --chat new\nCount in a cell.")
    assert (done.status, done.errors) == ("ok", [])
    assert done.answer == counted(5)
    (chat,) = ada.chat.get("/chats?q=Count in a cell").json()["items"]
    assert chat["title"] == "Count in a cell."


def test_no_address_of_a_database_or_model_server_is_in_a_users_server(hub: Hub, ada: Own, kernel: Kernel) -> None:
    environment: dict[str, Any] = kernel.value("dict(__import__('os').environ)")
    ours = {name for name in environment if name.startswith(("AICHAT_", "OLLAMA_"))}
    assert ours <= {"AICHAT_SERVICE_URL"}
    assert "chats.sqlite3" not in str(environment)
    assert list(Path(hub.folder, "home").rglob("chats.sqlite3")) == []


async def test_whoever_loses_the_hub_loses_the_chat_in_their_own_server(hub: Hub) -> None:
    """Last: it takes Eve away."""
    eve = await asyncio.to_thread(_own, hub, "eve")
    socket = await hub.socket(eve.owners_token, eve.url)
    await socket.frame()
    await asyncio.to_thread(hub.admin.request, "DELETE", "/users/eve/server")
    with pytest.raises(ConnectionError):
        while True:
            await socket.frame()
    client = hub.chat(eve.server_token)
    await asyncio.to_thread(hub.until, lambda: told(client.get("/me")) == (401, "unauthenticated"), 2)


def test_no_token_is_logged(hub: Hub) -> None:
    token = hub.token("eve")
    hub.chat(token).get("/chats")
    assert token not in hub.log()
