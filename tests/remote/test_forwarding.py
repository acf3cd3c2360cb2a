"""The chat of a service through a Jupyter server in remote mode: the same wire."""

from __future__ import annotations

from tests.remote.conftest import MODELS
from tests.server.client import Client, counted, text_of
from tests.server.process import Server


async def test_chats_are_the_services(client: Client, service: Server) -> None:
    chat = await client.new_chat(title="Kept there")
    assert service.json("GET", f"/chats/{chat}")["title"] == "Kept there"
    assert (await client.get("/chats", q="Kept"))["items"][0]["id"] == chat
    assert (await client.delete(f"/chats/{chat}"))[0] == 204
    assert [chat for chat in service.json("GET", "/chats")["items"] if chat["title"] == "Kept there"] == []


async def test_an_answer_streams_over_events(client: Client) -> None:
    sent = await client.send(await client.new_chat())
    assert text_of(await client.events(sent["run"]["id"])) == counted(40)


async def test_an_answer_streams_over_the_socket(client: Client) -> None:
    socket = await client.socket()
    ack = await socket.ask("send", text="Count.")
    assert text_of(await socket.events(ack["run"]["id"])) == counted(40)


async def test_models_and_me(client: Client) -> None:
    assert (await client.get("/models"))["default"] == MODELS[0]
    assert (await client.get("/me"))["owner_id"] == "local"
    assert (await client.get("/ready"))["status"]
    assert (await client.get("/health"))["service"] == "ok"
