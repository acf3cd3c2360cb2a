"""The chat of a real service through a Jupyter server in remote mode: the same wire, and the person of the token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jupyter_aichat.app import AIChatApp
from tests.remote.conftest import MODELS, Raw
from tests.server.client import Client, Refused, counted, text_of
from tests.service_app.process import Person, Service


async def test_chats_are_the_persons_at_the_service(client: Client, ada: Person) -> None:
    chat = await client.new_chat(title="Kept there")
    assert ada.json("GET", f"/chats/{chat}")["title"] == "Kept there"
    await client.request("PATCH", f"/chats/{chat}", {"title": "Renamed: é 😀 + &=?"})
    (found,) = (await client.get("/chats", q="é 😀 + &=?"))["items"]
    assert found["id"] == chat
    assert (await client.delete(f"/chats/{chat}"))[0] == 204
    with pytest.raises(Refused) as caught:
        await client.get(f"/chats/{chat}")
    assert (caught.value.status, caught.value.code) == (404, "not_found")


async def test_an_answer_streams_as_server_sent_events(client: Client) -> None:
    sent = await client.send(await client.new_chat())
    assert text_of(await client.events(sent["run"]["id"])) == counted(40)


async def test_events_go_on_from_where_a_reader_was(client: Client) -> None:
    sent = await client.send(await client.new_chat())
    whole = await client.events(sent["run"]["id"])
    later = await client.events(sent["run"]["id"], after=whole[1]["seq"])
    assert later == whole[2:]
    last = {"Last-Event-ID": str(whole[1]["seq"])}
    assert await client.events(sent["run"]["id"], headers=last) == whole[2:]


async def test_an_answer_streams_over_the_socket_and_can_be_stopped(client: Client, ada: Person) -> None:
    socket = await client.socket()
    ack = await socket.ask("send", text="Count.")
    assert text_of(await socket.events(ack["run"]["id"])) == counted(40)
    ack = await socket.ask("send", text="Count on.", model="endless-50")
    await socket.until("event")
    await socket.ask("stop", run_id=ack["run"]["id"])
    assert (await socket.events(ack["run"]["id"]))[-1]["event"]["state"] == "stopped"
    assert ada.json("GET", f"/runs/{ack['run']['id']}")["state"] == "stopped"


async def test_what_is_asked_at_the_service_is_seen_here(client: Client, ada: Person) -> None:
    socket = await client.socket()
    chat = ada.json("POST", "/chats", {"title": "From the page"})["id"]
    while (await socket.frame()).get("chat_id") != chat:
        pass


async def test_who_one_is_and_which_models_there_are(client: Client, ada: Person) -> None:
    me = await client.get("/me")
    assert (me["owner_id"], me["name"]) == (ada.owner_id, "Ada")
    assert (await client.get("/models"))["default"] == MODELS[0]
    assert (await client.get("/ready"))["status"] in ("ok", "degraded")
    health = await client.get("/health")
    assert (health["state"], health["service"]) == ("ready", "ok")


async def test_a_question_of_the_largest_size_comes_back_whole(client: Client) -> None:
    text = "x y " * 130_000
    socket = await client.socket()
    ack = await socket.ask("send", text=text, model="echo")
    assert text_of(await socket.events(ack["run"]["id"])) == text


async def test_idempotency_holds_over_both_servers(client: Client) -> None:
    chat = await client.new_chat()
    first = await client.send(chat, idempotency_key="once")
    assert (await client.send(chat, idempotency_key="once"))["run"]["id"] == first["run"]["id"]


async def test_accounts_are_not_for_this_server(raw: Raw) -> None:
    for method, path in (("GET", "/tokens"), ("POST", "/tokens"), ("GET", "/sessions"), ("POST", "/auth/logout_all")):
        assert (await raw(method, path)).code == (404, "not_found")
    assert (await raw("DELETE", "/me")).status == 405


async def test_an_answer_outlives_its_reader_and_the_server_knows_that_one_reads(
    client: Client, raw: Raw, started: AIChatApp, ada: Person
) -> None:
    sent = await client.send(await client.new_chat(), model="endless-50")
    async with raw.open("GET", f"/runs/{sent['run']['id']}/events") as answer:
        assert await answer.content.readany()
        assert started.current_activity() == {"runs": 1}
        answer.close()
    async with asyncio.timeout(3):
        while started.current_activity() is not None:
            await asyncio.sleep(0.01)
    assert ada.json("GET", f"/runs/{sent['run']['id']}")["state"] in ("loading", "streaming")
    await client.delete(f"/runs/{sent['run']['id']}")


async def test_a_token_that_is_revoked_ends_the_socket(
    client: Client, service: Service, started: AIChatApp, jp_ws_fetch: Callable[..., Any]
) -> None:
    """And says why, at the next try."""

    def admit() -> tuple[Person, str]:
        bob = service.person("Bob")
        return bob, service.personal_token(bob, "chats:read")

    bob, made = await asyncio.to_thread(admit)
    credentials: Any = started.gateway
    credentials._credentials._found = made
    socket = await client.socket()

    with pytest.raises(Refused) as caught:
        await client.post("/chats", {})
    assert (caught.value.status, caught.value.code) == (403, "forbidden")
    assert "service" in caught.value.body["details"]

    def revoke() -> None:
        (token,) = bob.json("GET", "/tokens")["items"]
        bob.json("DELETE", f"/tokens/{token['id']}")

    await asyncio.to_thread(revoke)
    with pytest.raises(ConnectionError) as closed:
        async with asyncio.timeout(5):
            await socket.until("never")
    assert closed.value.args[0] in (4401, 4403)
    with pytest.raises(Refused) as caught:
        await client.get("/me")
    assert (caught.value.status, caught.value.code) == (401, "unauthenticated")
    assert made not in str(caught.value.body)


async def test_chats_go_and_come_as_files(client: Client, raw: Raw, ada: Person) -> None:
    sent = await client.send(chat := await client.new_chat(title="Zürich"))
    await client.wait_for_end(sent["run"]["id"])
    file = await raw("GET", f"/chats/{chat}/export?format=json")
    assert file.headers["Content-Disposition"].endswith("filename*=UTF-8''Z%C3%BCrich.json")
    (new,) = (await client.request("POST", "/import", raw=file.body))[1]["items"]
    assert ada.json("GET", f"/chats/{new['id']}")["title"] == "Zürich"
    text = await raw("GET", f"/chats/{new['id']}/export?format=markdown")
    assert (text.headers["Content-Type"], text.body.decode().split("\n")[0]) == ("text/markdown", "# Zürich")
    large = file.body.replace(b'"Count."', b'"' + b"x" * 2_000_000 + b'"')
    assert (await client.request("POST", "/import", raw=large))[0] == 201
    archive = await raw("GET", "/export?format=notebook")
    assert archive.body.startswith(b"PK")
