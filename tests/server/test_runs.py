"""Sending and reading answers over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tornado.simple_httpclient import HTTPTimeoutError

from tests.server.client import Client, Json, Refused, counted, server_sent, text_of
from tests.server.conftest import MODEL


async def test_an_answer_is_read_as_server_sent_events(client: Client) -> None:
    chat = await client.new_chat()
    sent = await client.send(chat)
    assert (sent["message"]["parts"], sent["reply"]["parts"]) == ([{"type": "text", "text": "Count."}], [])
    assert sent["reply"]["parent_id"] == sent["message"]["id"]
    assert sent["run"]["message_id"] == sent["reply"]["id"]
    events = await client.events(sent["run"]["id"])
    assert text_of(events) == counted(40)
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    assert events[-1]["event"]["state"] == "completed"
    messages = (await client.get(f"/chats/{chat}/messages"))["items"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[1]["parts"] == [{"type": "text", "text": counted(40)}]
    assert (messages[1]["status"], messages[1]["model"]) == ("completed", MODEL)


async def test_every_place_gives_the_exact_rest(client: Client) -> None:
    run = (await client.send(await client.new_chat()))["run"]["id"]
    whole = await client.events(run)
    for index, event in enumerate(whole[:-1]):
        assert await client.events(run, event["seq"]) == whole[index + 1 :]
    for beyond in (whole[-1]["seq"], whole[-1]["seq"] + 1, 2**63 - 1):
        assert [event["event"]["type"] for event in await client.events(run, beyond)] == ["run_finished"]


async def test_last_event_id_wins_over_after(client: Client) -> None:
    run = (await client.send(await client.new_chat()))["run"]["id"]
    whole = await client.events(run)
    last = {"Last-Event-ID": str(whole[-2]["seq"])}
    assert await client.events(run, 0, headers=last) == whole[-1:]


@pytest.mark.parametrize("place", ["", "x", "-1", "1.5", "99999999999999999999", "1 2"])
async def test_a_place_that_is_no_number_is_refused(client: Client, place: str) -> None:
    run = (await client.send(await client.new_chat()))["run"]["id"]
    places: list[Json] = [{"params": {"after": place}}, {"headers": {"Last-Event-ID": place}}]
    for how in places:
        with pytest.raises(Refused) as caught:
            await client.request("GET", f"/runs/{run}/events", **how)
        assert (caught.value.status, caught.value.code) == (400, "invalid_request")


async def test_server_sent_events_are_marked_for_proxies(client: Client) -> None:
    run = (await client.send(await client.new_chat()))["run"]["id"]
    answer = await client._fetch("api", "aichat", "v1", "runs", run, "events")
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Cache-Control"] == "no-store"
    assert all(place == str(data["seq"]) for data, place in server_sent(answer.body))


async def test_a_reload_in_mid_answer_goes_on(client: Client) -> None:
    run = (await client.send(await client.new_chat(), model="counter-200-5"))["run"]["id"]
    seen: list[bytes] = []
    with pytest.raises(HTTPTimeoutError):  # the first page goes away in the middle
        await client._fetch(
            "api", "aichat", "v1", "runs", run, "events", streaming_callback=seen.append, request_timeout=0.4
        )
    first = [data for data, _ in server_sent(b"".join(seen).rsplit(b"\n\n", 1)[0])]
    assert 0 < len(first) < 200
    rest = await client.events(run, first[-1]["seq"])
    assert text_of([*first, *rest]) == counted(200)


async def test_stop_ends_within_a_second_and_the_text_stays(client: Client) -> None:
    chat = await client.new_chat()
    run = (await client.send(chat, model="endless-5"))["run"]["id"]
    await asyncio.sleep(0.2)
    begun = asyncio.get_running_loop().time()
    status, body = await client.delete(f"/runs/{run}")
    assert status in (200, 202)
    assert body["run"]["id"] == run
    ended = await client.wait_for_end(run)
    assert asyncio.get_running_loop().time() - begun < 1
    assert (ended["state"], ended["reason"]) == ("stopped", "user")
    (_, reply) = (await client.get(f"/chats/{chat}/messages"))["items"]
    assert reply["parts"][0]["text"].startswith(" 1 2 3")
    assert await client.delete(f"/runs/{run}") == (200, {"run": ended})


async def test_an_answer_that_has_not_begun_can_be_stopped(client: Client) -> None:
    run = (await client.send(await client.new_chat(), model="slow-load-20000"))["run"]["id"]
    await client.delete(f"/runs/{run}")
    assert (await client.wait_for_end(run))["state"] == "stopped"


async def _ended(client: Client, chat: str, **fields: Any) -> Json:
    sent = await client.send(chat, **fields)
    await client.wait_for_end(sent["run"]["id"])
    return sent


async def test_edit_and_regenerate_add_siblings(client: Client) -> None:
    chat = await client.new_chat()
    sent = await _ended(client, chat)
    question, answer = sent["message"]["id"], sent["reply"]["id"]
    again = await client.post(f"/chats/{chat}/messages/{answer}/regenerate", {"model": "echo"})
    assert (again["message"]["id"], again["reply"]["parent_id"]) == (question, question)
    await client.wait_for_end(again["run"]["id"])
    edited = await client.post(
        f"/chats/{chat}/messages/{question}/edit", {"parts": [{"type": "text", "text": "Else."}]}
    )
    assert (edited["message"]["parent_id"], edited["message"]["parts"][0]["text"]) == (None, "Else.")
    await client.wait_for_end(edited["run"]["id"])
    messages = (await client.get(f"/chats/{chat}/messages"))["items"]
    assert [message["n"] for message in messages] == [1, 2, 3, 4, 5]
    path = (await client.get(f"/chats/{chat}/messages", leaf=again["reply"]["id"]))["items"]
    assert [message["id"] for message in path] == [again["reply"]["id"], question]
    assert (await client.get(f"/chats/{chat}"))["active_leaf"] == edited["reply"]["id"]


async def test_continue_goes_on_with_the_same_message(client: Client) -> None:
    chat = await client.new_chat()
    sent = await _ended(client, chat, options={"num_predict": 10})
    path = f"/chats/{chat}/messages/{sent['reply']['id']}"
    rest = await client.post(f"{path}/continue", {"options": {"num_predict": 100}})
    assert rest["reply"]["id"] == sent["reply"]["id"]
    events = await client.events(rest["run"]["id"])
    assert events[0]["event"]["type"] == "snapshot"
    assert text_of(events) == counted(40)
    with pytest.raises(Refused) as caught:
        await client.post(f"{path}/continue", {})
    assert (caught.value.status, caught.value.code) == (409, "cannot_continue")


async def test_a_busy_branch_refuses_and_names_its_run(client: Client) -> None:
    chat = await client.new_chat()
    run = (await client.send(chat, model="endless-50"))["run"]["id"]
    with pytest.raises(Refused) as caught:
        await client.send(chat)
    assert (caught.value.status, caught.value.code) == (409, "run_active")
    assert caught.value.body["details"]["run_id"] == run
    beside = await client.send(chat, parent_id=None, model=MODEL)
    assert (await client.wait_for_end(beside["run"]["id"]))["state"] == "completed"
    await client.delete(f"/runs/{run}")


async def test_a_retry_with_the_same_key_starts_nothing(client: Client) -> None:
    chat = await client.new_chat()
    first = await client.send(chat, idempotency_key="k 1")
    headers = {"Idempotency-Key": "k 1"}
    again = await client.post(f"/chats/{chat}/messages", {"text": "Count."}, headers=headers)
    assert [again[part]["id"] for part in ("message", "reply", "run")] == [
        first[part]["id"] for part in ("message", "reply", "run")
    ]
    await client.wait_for_end(first["run"]["id"])
    assert (await client.send(chat, idempotency_key="k 1"))["reply"]["status"] == "completed"
    assert len((await client.get(f"/chats/{chat}/messages"))["items"]) == 2
    with pytest.raises(Refused) as caught:
        await client.send(chat, "Else.", idempotency_key="k 1")
    assert (caught.value.status, caught.value.code) == (409, "idempotency_conflict")


async def test_twenty_retries_at_once_are_one_answer(client: Client) -> None:
    chat = await client.new_chat()
    sent = await asyncio.gather(*(client.send(chat, idempotency_key="same") for _ in range(20)))
    assert len({answer["run"]["id"] for answer in sent}) == 1
    assert len((await client.get(f"/chats/{chat}/messages"))["items"]) == 2


@pytest.mark.parametrize("key", ["", "x" * 129, "tab\tbed"])
async def test_a_bad_key_is_refused(client: Client, key: str) -> None:
    chat = await client.new_chat()
    for how in ({"raw": json.dumps({"text": "a", "idempotency_key": key}).encode()},):
        with pytest.raises(Refused) as caught:
            await client.post(f"/chats/{chat}/messages", None, **how)
        assert caught.value.code == "invalid_request"
    assert (await client.get(f"/chats/{chat}/messages"))["items"] == []


async def test_two_keys_in_one_request_are_refused(client: Client) -> None:
    chat = await client.new_chat()
    with pytest.raises(Refused) as caught:
        body = {"text": "a", "idempotency_key": "one"}
        await client.post(f"/chats/{chat}/messages", body, headers={"Idempotency-Key": "two"})
    assert caught.value.status == 400


async def test_a_fault_of_the_provider_does_not_fail_the_request(client: Client) -> None:
    sent = await client.send(await client.new_chat(), model="fail-provider_error-after-20")
    run = await client.wait_for_end(sent["run"]["id"])
    assert (run["state"], run["error"]["code"]) == ("failed", "provider_error")
    missing = await client.send(await client.new_chat(), model="no-such-model")
    run = await client.wait_for_end(missing["run"]["id"])
    assert run["state"] == "failed"
    assert run["error"]["code"] in ("model_not_found", "provider_unreachable")
