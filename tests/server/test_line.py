"""DESIGN of a run, 10, over HTTP and the socket: bounds as statuses with a time to wait, and a place in line as events."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.client import Client, Refused


@pytest.fixture
def models() -> list[str]:
    return ["endless-5", "counter-40-2"]


@pytest.fixture
def bounds() -> dict[str, int]:
    return {}


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any], bounds: dict[str, int]) -> dict[str, Any]:
    return {**jp_server_config, "Admission": {"capacity": {"scripted/*": 1}, **bounds}}


async def refused(client: Client, chat: str, **fields: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await client.send(chat, **fields)
    assert caught.value.body["details"]["retry_after"] >= 1
    assert caught.value.headers["Retry-After"] == str(caught.value.body["details"]["retry_after"])
    return caught.value


@pytest.mark.parametrize("bounds", [{"max_per_user": 2}])
async def test_a_user_with_too_many_answers_is_told_when_to_come_again(client: Client) -> None:
    runs = [(await client.send(await client.new_chat()))["run"] for _ in range(2)]
    assert [run["state"] for run in runs] == ["loading", "queued"]
    chat = await client.new_chat()
    error = await refused(client, chat)
    assert (error.status, error.code) == (429, "too_many_runs")
    assert (await client.get(f"/chats/{chat}/messages"))["items"] == []
    await client.delete(f"/runs/{runs[1]['id']}")
    assert (await client.wait_for_end(runs[1]["id"]))["state"] == "stopped"
    assert (await client.send(chat))["run"]["state"] == "queued"


@pytest.mark.parametrize("bounds", [{"max_waiting": 1}])
async def test_a_full_line_says_so_over_http_and_over_the_socket(client: Client) -> None:
    for _ in range(2):
        await client.send(await client.new_chat(), idempotency_key=f"{_}")
    chat = await client.new_chat()
    error = await refused(client, chat)
    assert (error.status, error.code) == (503, "queue_full")
    socket = await client.socket()
    answer = await socket.ask("send", chat_id=chat, text="hi")
    assert (answer["type"], answer["code"]) == ("error", "queue_full")
    assert answer["details"]["retry_after"] >= 1
    assert (await client.get(f"/chats/{chat}/messages"))["items"] == []


async def test_a_place_in_line_comes_as_events_and_a_page_that_is_loaded_again_has_it(client: Client) -> None:
    first = (await client.send(await client.new_chat()))["run"]["id"]
    chat = await client.new_chat(model="counter-40-2")
    await client.send(chat, model="endless-5")
    socket = await client.socket()
    (run,) = (await socket.ask("subscribe", chat_id=chat))["runs"]
    assert run["state"] == "queued"
    snapshot, place = [(await socket.until("event"))[-1]["event"] for _ in range(2)]
    assert (snapshot["type"], snapshot["message"]["status"]) == ("snapshot", "pending")
    assert place == {"type": "queue_position", "position": 1, "wait": None, "cause": None}
    _, reply = (await client.get(f"/chats/{chat}/messages"))["items"]
    again = await client.socket()
    await again.ask("subscribe", run_id=run["id"], after=reply["seq"])
    assert (await again.until("event"))[-1]["event"] == place
    await client.delete(f"/runs/{first}")
    assert (await again.until("event"))[-1]["event"] == {"type": "run_started"}


async def test_another_model_has_a_line_of_its_own(client: Client) -> None:
    await client.send(await client.new_chat())
    sent = await client.send(await client.new_chat(), model="counter-40-2")
    assert sent["run"]["state"] == "loading"
    assert (await client.wait_for_end(sent["run"]["id"]))["state"] == "completed"
