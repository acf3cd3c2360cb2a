"""Who is let in: every route and verb of the table, without and with credentials, and as another owner."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import Authorizer, User
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPClientError, HTTPResponse

from jupyter_aichat.app import KERNEL_TOKEN, KERNEL_URL, AIChatApp
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.principal import Principal
from jupyter_aichat.server.routes import ROUTES
from tests.server.client import API, Client, Refused

WALK = [
    pytest.param(verb, route.path, described.open, id=f"{verb} {route.path}")
    for route in ROUTES
    for verb, described in route.verbs.items()
    if not route.accounts_only
]
CLOSED = [param for param in WALK if not param.values[2]]
ENDING = [param for param in CLOSED if "/events" not in param.values]
OWNED = [param for param in CLOSED if "{" in str(param.values[1])]
BODIES = {"messages": {"text": "a"}, "edit": {"text": "a"}, "regenerate": {}, "continue": {}, "chats": {}}
NO_TOKEN = {"Authorization": ""}

Answer = Callable[..., Awaitable[tuple[int, bytes]]]


@pytest.fixture
def answer(started: AIChatApp, jp_fetch: Callable[..., Any], jp_ws_fetch: Callable[..., Any]) -> Answer:
    """Ask any route; return the status and the body, whatever they are."""

    async def ask(verb: str, path: str, **kwargs: Any) -> tuple[int, bytes]:
        try:
            if path == "/ws":
                (await jp_ws_fetch(*API, "ws", **kwargs)).close()
                return 101, b""
            body = None if verb in ("get", "delete") else json.dumps(_body(path)).encode()
            found: HTTPResponse = await jp_fetch(*API, *path.split("/")[1:], method=verb.upper(), body=body, **kwargs)
        except HTTPClientError as error:
            return error.code, error.response.body if error.response else b""
        return found.code, found.body

    return ask


def _body(path: str) -> dict[str, str]:
    return BODIES.get(path.rsplit("/", 1)[1], {"title": "Stolen"})


def _filled(path: str, **ids: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "x"), path)


def test_the_table_names_every_verb_of_its_handlers() -> None:
    for route in ROUTES:
        own = {
            name
            for kind in route.handler.__mro__
            if kind.__module__.startswith("jupyter_aichat")
            for name in ("get", "head", "post", "put", "patch", "delete")
            if name in vars(kind)
        }
        assert own == route.verbs.keys(), route.path


@pytest.mark.parametrize(("verb", "path", "is_open"), WALK)
async def test_without_credentials_only_health_is_open(answer: Answer, verb: str, path: str, is_open: bool) -> None:
    status, body = await answer(verb, _filled(path), headers=dict(NO_TOKEN))
    assert status == (200 if is_open else 403)
    if not is_open and body:
        assert json.loads(body)["code"] == "forbidden"


@pytest.mark.parametrize(("verb", "path", "is_open"), CLOSED)
async def test_a_wrong_token_is_refused(answer: Answer, verb: str, path: str, is_open: bool) -> None:
    status, _ = await answer(verb, _filled(path), headers={"Authorization": "token wrong"})
    assert status == 403


@pytest.mark.parametrize("verb", ["get", "post", "patch", "delete"])
async def test_paths_that_are_nobodys_are_closed_too(answer: Answer, verb: str) -> None:
    assert (await answer(verb, "/nowhere", headers=dict(NO_TOKEN)))[0] in (403, 404)
    status, body = await answer(verb, "/nowhere")
    assert (status, json.loads(body)["code"]) == (404, "not_found")


class Denying(Authorizer):
    """Denies the extension alone, and remembers what it was asked."""

    asked: list[tuple[str, str]]

    def is_authorized(self, handler: JupyterHandler, user: User, action: str, resource: str) -> bool:
        vars(type(self)).get("asked", []).append((action, resource))
        return resource != "aichat"


class DenyingLater(Denying):
    """The same, with an answer that must be awaited (forgetting that would let everybody in)."""

    async def is_authorized(  # type: ignore[override]
        self, handler: JupyterHandler, user: User, action: str, resource: str
    ) -> bool:
        await asyncio.sleep(0)
        return super().is_authorized(handler, user, action, resource)


@pytest.fixture(params=[Denying, DenyingLater])
def denying(request: pytest.FixtureRequest, jp_server_config: dict[str, Any]) -> type[Denying]:
    kind: type[Denying] = request.param
    kind.asked = []
    jp_server_config["ServerApp"]["authorizer_class"] = kind
    return kind


ACTIONS = {"get": "read", "post": "write", "patch": "write", "delete": "write"}


@pytest.mark.parametrize(("verb", "path", "is_open"), CLOSED)
async def test_the_servers_authorizer_is_heard(
    denying: type[Denying], answer: Answer, verb: str, path: str, is_open: bool
) -> None:
    status, _ = await answer(verb, _filled(path))
    assert status == 403
    assert denying.asked == [("execute" if path == "/ws" else ACTIONS[verb], "aichat")]


def _contents(store_file: Path) -> list[Any]:
    import sqlite3

    with sqlite3.connect(f"file:{store_file}?mode=ro", uri=True) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        return [(table, database.execute(f"select * from {table}").fetchall()) for table in sorted(tables)]


@pytest.fixture
def as_owner(started: AIChatApp) -> Callable[[str], None]:
    """Let the server believe that somebody else asks."""

    def change(owner: str) -> None:
        started.host.principal = Principal(OwnerId(owner), owner, owner)

    return change


@pytest.mark.parametrize(("verb", "path", "is_open"), OWNED)
async def test_what_belongs_to_another_is_not_there(
    client: Client,
    answer: Answer,
    as_owner: Callable[[str], None],
    store_file: Path,
    verb: str,
    path: str,
    is_open: bool,
) -> None:
    chat = await client.new_chat()
    sent = await client.send(chat)
    await client.wait_for_end(sent["run"]["id"])
    reply = sent["message"]["id"] if "edit" in path else sent["reply"]["id"]
    target = _filled(path, chat_id=chat, message_id=reply, run_id=sent["run"]["id"])
    before = _owned(store_file)
    as_owner("mallory")
    status, body = await answer(verb, target)
    assert (status, json.loads(body)["code"]) == (404, "not_found")
    assert chat.encode() not in body
    assert _owned(store_file) == before


def _owned(store_file: Path) -> list[Any]:
    """What belongs to people, without the heartbeats of processes."""
    return [(table, rows) for table, rows in _contents(store_file) if "instance" not in table]


async def test_foreign_ids_in_frames_and_bodies_are_not_there(
    client: Client, as_owner: Callable[[str], None], store_file: Path
) -> None:
    chat = await client.new_chat()
    sent = await client.send(chat)
    await client.wait_for_end(sent["run"]["id"])
    as_owner("mallory")
    mine = await client.new_chat()
    before = _owned(store_file)
    socket = await client.socket()
    message = sent["reply"]["id"]
    for kind, fields in (
        ("send", {"chat_id": chat, "text": "a"}),
        ("send", {"chat_id": mine, "text": "a", "parent_id": message}),
        ("edit", {"chat_id": chat, "message_id": sent["message"]["id"], "text": "a"}),
        ("edit", {"chat_id": mine, "message_id": sent["message"]["id"], "text": "a"}),
        ("regenerate", {"chat_id": mine, "message_id": message}),
        ("continue", {"chat_id": mine, "message_id": message}),
        ("subscribe", {"run_id": sent["run"]["id"], "after": 0}),
        ("subscribe", {"chat_id": chat}),
        ("stop", {"run_id": sent["run"]["id"]}),
    ):
        found = await socket.ask(kind, **fields)
        assert (found["type"], found.get("code")) == ("error", "not_found"), kind
    with pytest.raises(Refused) as caught:
        await client.request("PATCH", f"/chats/{mine}", {"active_leaf": message})
    assert caught.value.code == "not_found"
    with pytest.raises(Refused) as caught:
        await client.get("/events", chat_id=chat)
    assert caught.value.code == "not_found"
    assert (await client.get(f"/chats/{mine}/messages"))["items"] == []
    assert _owned(store_file) == before


# The kernels' token


@pytest.fixture
def kernel(started: AIChatApp) -> dict[str, str]:
    return {"Authorization": f"Bearer {os.environ[KERNEL_TOKEN]}"}


async def test_kernels_inherit_where_to_ask_and_a_token_of_their_own(
    started: AIChatApp, jp_serverapp: ServerApp
) -> None:
    assert os.environ[KERNEL_URL].endswith("/a%40b/api/aichat/v1")
    assert os.environ[KERNEL_TOKEN] != jp_serverapp.identity_provider.token
    assert len(os.environ[KERNEL_TOKEN]) > 40


@pytest.mark.parametrize(("verb", "path", "is_open"), ENDING)
async def test_the_kernels_token_opens_our_routes(
    answer: Answer, kernel: dict[str, str], verb: str, path: str, is_open: bool
) -> None:
    assert (await answer(verb, _filled(path), headers=kernel))[0] in (101, 200, 201, 202, 400, 404)


async def test_the_kernels_token_opens_the_owners_events(answer: Answer, kernel: dict[str, str]) -> None:
    """They go on for ever, so a chat is asked for that is not there: it was looked for."""
    assert (await answer("get", "/events", headers=kernel, params={"chat_id": "unknown"}))[0] == 404


async def test_a_kernel_and_the_panel_are_the_same_owner(client: Client, kernel: dict[str, str]) -> None:
    chat = (await client.post("/chats", {"title": "From a cell"}, headers=kernel))["id"]
    assert (await client.get(f"/chats/{chat}"))["title"] == "From a cell"


@pytest.mark.parametrize("path", ["api/contents", "api/kernels", "api/kernelspecs", "api/sessions", "api/me"])
async def test_the_kernels_token_opens_nothing_else(
    jp_fetch: Callable[..., Any], kernel: dict[str, str], path: str
) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch(*path.split("/"), headers=dict(kernel))
    assert caught.value.code in (403, 404)


async def test_the_kernels_token_is_for_the_header_alone(answer: Answer, kernel: dict[str, str]) -> None:
    token = kernel["Authorization"].split()[1]
    assert (await answer("get", "/me", headers=dict(NO_TOKEN), params={"token": token}))[0] == 403
    for wrong in (f"Bearer {token}x", f"Bearer {token[:-1]}", f"Basic {token}", token, "Bearer ", "Bearer é"):
        assert (await answer("get", "/me", headers={"Authorization": wrong}))[0] == 403


async def test_the_kernels_token_ends_with_the_extension(
    started: AIChatApp, answer: Answer, kernel: dict[str, str]
) -> None:
    await started.stop_extension()
    assert KERNEL_TOKEN not in os.environ
    assert KERNEL_URL not in os.environ
    assert (await answer("get", "/me", headers=kernel))[0] == 403


async def test_an_authorizer_of_users_is_not_asked_about_kernels(
    denying: type[Denying], answer: Answer, kernel: dict[str, str]
) -> None:
    assert (await answer("get", "/chats", headers=kernel))[0] == 200
    assert denying.asked == []


# Other sites


@pytest.fixture
def cookie(client: Client, jp_asyncio_loop: asyncio.AbstractEventLoop) -> str:
    """A browser's login."""
    answer = jp_asyncio_loop.run_until_complete(client._fetch(*API, "me"))
    return str(answer.headers.get_list("Set-Cookie")[0].split(";")[0])


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://evil.example", 403),
        ("http://localhost.evil.example:{port}", 403),
        ("http://localhost:1", 403),
        ("null", 403),
        ("http://localhost:{port}", 101),
    ],
)
async def test_a_socket_of_another_site_is_refused(
    answer: Answer, cookie: str, jp_http_port: int, origin: str, status: int
) -> None:
    headers = {**NO_TOKEN, "Cookie": cookie, "Origin": origin.format(port=jp_http_port)}
    assert (await answer("get", "/ws", headers=headers))[0] == status


async def test_a_cookie_alone_cannot_write(answer: Answer, cookie: str) -> None:
    headers = {**NO_TOKEN, "Cookie": cookie}
    assert (await answer("get", "/chats", headers={**headers, "Referer": "http://evil.example"}))[0] in (200, 403)
    status, body = await answer("post", "/chats", headers=headers)
    assert (status, json.loads(body)["code"]) == (403, "forbidden")
    assert "_xsrf" in json.loads(body)["message"]
    both = f"{cookie}; _xsrf=2|1|2|3"
    status, _ = await answer("post", "/chats", headers={**NO_TOKEN, "Cookie": both, "X-XSRFToken": "other"})
    assert status == 403
