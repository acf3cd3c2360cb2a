"""Sockets and streams of a service: who gets one, and that it ends with its credential, on the store's word alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

from jupyter_aichat.auth.assembly import AccountService
from jupyter_aichat.auth.keys import parse_keys
from jupyter_aichat.auth.tokens import AccessTokens
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, SessionId
from tests.server.client import Socket
from tests.service_app.process import ORIGIN, PASSWORD, Person, Service

WITHIN_S = 2.0
ADMINISTRATOR = OwnerId("command-line")

End = Callable[[AccountService, Person], Awaitable[Any]]


async def _refused(service: Service, *protocols: str, query: str = "", **headers: str) -> tuple[int, Any]:
    request = HTTPRequest(
        f"{service.base.replace('http', 'ws', 1)}/ws{query}",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    with pytest.raises(HTTPClientError) as caught:
        await websocket_connect(request, subprotocols=["aichat.v1", *protocols])
    return caught.value.code, caught.value.response


async def test_a_token_among_the_subprotocols_opens_a_socket_and_is_not_echoed(service: Service, ada: Person) -> None:
    socket = await service.socket(ada.token)
    hello = await socket.frame()
    assert hello["principal"]["owner_id"] == ada.owner_id
    assert socket.connection.selected_subprotocol == "aichat.v1"
    assert ada.token not in str(socket.connection.headers)


async def test_scripts_send_the_header(service: Service, ada: Person) -> None:
    socket = await service.socket(None, Authorization=f"Bearer {ada.token}")
    assert (await socket.frame())["principal"]["name"] == "Ada"


async def test_without_a_valid_credential_there_is_no_socket(service: Service, ada: Person) -> None:
    wrong = ada.token[:-4] + ("AAAA" if ada.token[-4:] != "AAAA" else "BBBB")
    for protocols, headers in (
        ((), {}),
        (("jwt.",), {}),
        (("jwt.x",), {}),
        ((f"jwt.{wrong}",), {}),
        ((f"jwt.{ada.refresh_token}",), {}),
        ((ada.token,), {}),
        ((), {"Authorization": f"token {ada.token}"}),
        ((), {"Authorization": "Basic QWRhOng="}),
        ((), {"Cookie": f"jwt={ada.token}; token={ada.token}; aichat_refresh={ada.refresh_token}"}),
    ):
        status, response = await _refused(service, *protocols, **headers)
        assert status == 401, (protocols, headers)
        assert response.headers["WWW-Authenticate"] == "Bearer"
    for query in (f"?token={ada.token}", f"?access_token={ada.token}", f"?jwt={ada.token}"):
        assert (await _refused(service, query=query))[0] == 401


async def test_two_credentials_are_one_too_many(service: Service, ada: Person, eve: Person) -> None:
    for protocols, headers in (
        ((f"jwt.{ada.token}", f"jwt.{eve.token}"), {}),
        ((f"jwt.{ada.token}", f"jwt.{ada.token}"), {}),
        ((f"jwt.{ada.token}",), {"Authorization": f"Bearer {eve.token}"}),
    ):
        assert (await _refused(service, *protocols, **headers))[0] == 400
    twice = [("Authorization", f"Bearer {ada.token}"), ("Authorization", f"Bearer {eve.token}")]
    answer = service.http.get("/me", headers=twice)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1.evil.example:{port}", "http://127.0.0.1:1", "null"]
)
async def test_a_page_of_another_site_gets_no_socket(service: Service, ada: Person, origin: str) -> None:
    port = httpx.URL(service.url).port
    status, _ = await _refused(service, f"jwt.{ada.token}", Origin=origin.format(port=port))
    assert status == 403


async def test_a_page_of_the_service_gets_one(service: Service, ada: Person) -> None:
    socket = await service.socket(ada.token, Origin=service.url.rstrip("/"))
    assert (await socket.frame())["type"] == "hello"


# Ends


async def _logout(service: AccountService, person: Person) -> None:
    await service.accounts.logout(person.refresh_token, ORIGIN)


async def _logout_all(service: AccountService, person: Person) -> None:
    await service.accounts.logout_all(OwnerId(person.owner_id), ORIGIN)


async def _change_password(service: AccountService, person: Person) -> None:
    grant = await service.accounts.login(person.name, PASSWORD, ORIGIN)
    identity = await service.accounts.authenticate(grant.access_token)
    await service.accounts.change_password(identity, PASSWORD, "another horse battery", ORIGIN)


async def _disable(service: AccountService, person: Person) -> None:
    await service.administration.change(ADMINISTRATOR, ORIGIN, OwnerId(person.owner_id), disabled=True)


async def _promote(service: AccountService, person: Person) -> None:
    await service.administration.change(ADMINISTRATOR, ORIGIN, OwnerId(person.owner_id), roles=("user", "admin"))


async def _delete(service: AccountService, person: Person) -> None:
    await service.accounts.erase(OwnerId(person.owner_id))


ENDS = [
    pytest.param(_logout, 4401, id="logout"),
    pytest.param(_logout_all, 4401, id="logout everywhere"),
    pytest.param(_change_password, 4401, id="another password"),
    pytest.param(_promote, 4401, id="another role"),
    pytest.param(_disable, 4403, id="disabled"),
    pytest.param(_delete, 4403, id="deleted"),
]


async def _closed(socket: Socket) -> int:
    """Read a socket to its end; return the code that it was closed with."""
    with pytest.raises(ConnectionError) as caught:
        while True:
            await socket.frame()
    code: int = caught.value.args[0]
    return code


async def _streamed(client: httpx.AsyncClient, path: str, begun: asyncio.Event) -> float:
    """Read a stream to its end; return when that was."""
    async with client.stream("GET", path) as answer:
        answer.raise_for_status()
        async for _ in answer.aiter_bytes():
            begun.set()
    return time.monotonic()


@pytest.mark.parametrize(("end", "code"), ENDS)
async def test_all_that_is_open_ends_within_two_seconds(service: Service, end: End, code: int, request: Any) -> None:
    who = await asyncio.to_thread(service.person, f"Gone {request.node.callspec.id}")
    sent = who.send("endless-20")
    socket, idle = await service.socket(who.token), await service.socket(who.token)
    assert (await socket.ask("subscribe", run_id=sent["run"]["id"], after=0))["type"] == "ack"
    async with httpx.AsyncClient(base_url=service.base, headers=who.http.headers, timeout=20) as client:
        begun = [asyncio.Event(), asyncio.Event()]
        paths = ("/events", f"/runs/{sent['run']['id']}/events")
        streams = [asyncio.create_task(_streamed(client, *each)) for each in zip(paths, begun, strict=True)]
        for each in begun:
            await each.wait()
        await asyncio.to_thread(service.with_accounts, lambda accounts: end(accounts, who))
        over = time.monotonic()
        async with asyncio.timeout(WITHIN_S):
            assert await _closed(socket) == await _closed(idle) == code
        for stream in streams:
            assert await stream - over < WITHIN_S
    if end is not _promote:
        assert who.http.get("/chats").status_code == 401


async def test_a_socket_ends_with_its_access_token(service: Service, ada: Person) -> None:
    tokens = AccessTokens(parse_keys(service.secret), "jupyter_aichat", life_s=2)
    token = tokens.make(OwnerId(ada.owner_id), SessionId(ada.session_id), "short", now())
    socket = await service.socket(token)
    async with asyncio.timeout(2 + WITHIN_S):
        assert await _closed(socket) == 4401
    assert ada.http.get("/me").status_code == 200


async def test_a_socket_ends_with_its_personal_token_and_no_other_does(service: Service, ada: Person) -> None:
    secret = await asyncio.to_thread(service.personal_token, ada, "chats:read")
    socket, other = await service.socket(secret), await service.socket(ada.token)

    async def delete(accounts: AccountService) -> None:
        (token,) = await accounts.accounts.tokens.of(OwnerId(ada.owner_id))
        await accounts.accounts.tokens.delete(OwnerId(ada.owner_id), token.id, ORIGIN)

    await asyncio.to_thread(service.with_accounts, delete)
    async with asyncio.timeout(WITHIN_S):
        assert await _closed(socket) == 4403
    assert (await other.ask("ping"))["type"] == "ack"


async def test_what_is_sent_after_the_end_is_not_carried_out(service: Service) -> None:
    who = await asyncio.to_thread(service.person, "Late")
    socket = await service.socket(who.token)
    closed = asyncio.create_task(_closed(socket))
    await asyncio.to_thread(service.with_accounts, lambda accounts: _disable(accounts, who))
    over = time.monotonic() + WITHIN_S
    with suppress(WebSocketClosedError):
        while not closed.done():
            assert time.monotonic() < over
            await socket.write({"type": "send", "text": "Still here?", "model": "counter-5-1"})
            await asyncio.sleep(0.02)
    assert await closed == 4403

    async def let_in(accounts: AccountService) -> None:
        await accounts.administration.change(ADMINISTRATOR, ORIGIN, OwnerId(who.owner_id), disabled=False)

    await asyncio.to_thread(service.with_accounts, let_in)
    again = await asyncio.to_thread(service.login, who.name, who.owner_id)
    chats = again.json("GET", "/chats?limit=200")["items"]
    await asyncio.sleep(0.2)  # nothing is under way that would be seen: what was sent late was refused, or it is here
    assert again.json("GET", "/chats?limit=200")["items"] == chats


# What a credential may do


async def test_a_token_that_may_only_read_sends_nothing(service: Service, ada: Person) -> None:
    reading = await asyncio.to_thread(service.personal_token, ada, "chats:read")
    chat = ada.json("POST", "/chats", {})["id"]
    socket = await service.socket(reading)
    for kind, fields in (
        ("send", {"text": "a"}),
        ("send", {"text": "a", "chat_id": chat}),
        ("edit", {"text": "a", "chat_id": chat, "message_id": "x"}),
        ("regenerate", {"chat_id": chat, "message_id": "x"}),
        ("continue", {"chat_id": chat, "message_id": "x"}),
        ("stop", {"run_id": "x"}),
    ):
        found = await socket.ask(kind, **fields)
        assert (found["type"], found.get("code")) == ("error", "forbidden"), kind
    assert (await socket.ask("subscribe", chat_id=chat))["type"] == "ack"
    assert (await socket.ask("unsubscribe", chat_id=chat))["type"] == "ack"
    assert ada.json("GET", f"/chats/{chat}/messages")["items"] == []


async def test_a_token_that_may_only_write_gets_no_socket(service: Service, ada: Person) -> None:
    writing = await asyncio.to_thread(service.personal_token, ada, "chats:write")
    status, response = await _refused(service, f"jwt.{writing}")
    assert (status, json.loads(response.body)["code"]) == (403, "forbidden")
