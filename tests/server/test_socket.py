"""The socket's protocol, as a client sees it."""

from __future__ import annotations

import asyncio
import json

import pytest

from jupyter_aichat.app import AIChatApp
from tests.server.client import Client, Json, Socket, counted, text_of
from tests.server.conftest import MODEL


async def _ask_to_send(socket: Socket, **fields: object) -> Json:
    ack = await socket.ask("send", text="Count.", **fields)
    assert ack["type"] == "ack", ack
    return ack


async def test_hello_comes_first(client: Client) -> None:
    socket = Socket(await client._ws_fetch("api", "aichat", "v1", "ws"))
    hello = await socket.frame()
    assert (hello["type"], hello["protocol"]) == ("hello", "aichat.v1")
    assert hello["principal"]["owner_id"] == "local"
    assert hello["principal"] == {key: (await client.get("/me"))[key] for key in hello["principal"]}
    socket.connection.close()


async def test_a_send_begins_a_chat_and_is_followed(client: Client) -> None:
    socket = await client.socket()
    ack = await _ask_to_send(socket)
    assert ack["message"]["parts"] == [{"type": "text", "text": "Count."}]
    events = await socket.events(ack["run"]["id"])
    assert text_of(events) == counted(40)
    assert {event["chat_id"] for event in events} == {ack["chat_id"]}
    assert events == [{"type": "event", **event} for event in await client.events(ack["run"]["id"])]


async def test_the_ack_precedes_the_events(client: Client) -> None:
    socket = await client.socket()
    chat = (await _ask_to_send(socket))["chat_id"]
    await socket.until("event")
    assert (await socket.ask("subscribe", chat_id=chat))["type"] == "ack"
    for _ in range(5):
        await socket.write({"type": "send", "id": "s", "chat_id": chat, "text": "a", "parent_id": None})
        frames = [frame for frame in await socket.until("ack") if frame["type"] != "chat_changed"]
        run = frames[-1]["run"]["id"]
        assert all(frame.get("run_id") != run for frame in frames)
        assert text_of(await socket.events(run)) == counted(40)


async def test_each_send_of_a_message_is_answered(client: Client) -> None:
    socket = await client.socket()
    ack = await _ask_to_send(socket, options={"num_predict": 10})
    chat, question, answer = ack["chat_id"], ack["message"]["id"], ack["reply"]["id"]
    await socket.events(ack["run"]["id"])
    place = {"chat_id": chat, "message_id": answer}
    again = await socket.ask("regenerate", **place)
    assert again["message"]["id"] == question
    assert text_of(await socket.events(again["run"]["id"])) == counted(40)
    rest = await socket.ask("continue", **place, options={"num_predict": 400})
    events = await socket.events(rest["run"]["id"])
    assert (events[0]["event"]["type"], text_of(events)) == ("snapshot", counted(40))
    edited = await socket.ask("edit", chat_id=chat, message_id=question, text="Else.")
    assert edited["message"]["parts"] == [{"type": "text", "text": "Else."}]


async def test_every_place_gives_the_exact_rest(client: Client) -> None:
    socket = await client.socket()
    run = (await _ask_to_send(socket))["run"]["id"]
    whole = await socket.events(run)
    for index, event in enumerate(whole[:-1]):
        assert (await socket.ask("subscribe", run_id=run, after=event["seq"]))["type"] == "ack"
        assert await socket.events(run) == whole[index + 1 :]
    await socket.ask("subscribe", run_id=run, after=2**63 - 1)
    assert [event["event"]["type"] for event in await socket.events(run)] == ["run_finished"]
    await socket.ask("subscribe", run_id=run)
    assert await socket.events(run) == whole


async def test_a_reload_in_mid_answer_goes_on(client: Client) -> None:
    first = await client.socket()
    run = (await _ask_to_send(first, model="counter-200-5"))["run"]["id"]
    seen: list[Json] = []
    while len(seen) < 5:
        if (frame := await first.frame())["type"] == "event":
            seen.append(frame)
    first.connection.close()
    second = await client.socket()
    await second.ask("subscribe", run_id=run, after=seen[-1]["seq"])
    rest = await second.events(run)
    assert len(rest) > 5
    assert text_of([*seen, *rest]) == counted(200)


async def test_a_chat_is_followed_with_a_snapshot_and_all_later_runs(client: Client) -> None:
    writer, watcher = await client.socket(), await client.socket()
    ack = await _ask_to_send(writer, model="counter-200-5")
    chat, run = ack["chat_id"], ack["run"]["id"]
    await asyncio.sleep(0.2)
    subscribed = await watcher.ask("subscribe", chat_id=chat)
    assert [(found["id"], found["state"]) for found in subscribed["runs"]] == [(run, "streaming")]
    events = await watcher.events(run)
    assert events[0]["event"]["type"] == "snapshot"
    assert events[0]["event"]["message"]["seq"] == events[0]["seq"]
    assert text_of(events) == counted(200)
    later = await _ask_to_send(writer, chat_id=chat, model=MODEL)
    assert text_of(await watcher.events(later["run"]["id"])) == counted(40)
    assert (await watcher.ask("unsubscribe", chat_id=chat))["type"] == "ack"
    last = await _ask_to_send(writer, chat_id=chat)
    await writer.events(last["run"]["id"])
    await watcher.write({"type": "ping"})
    assert [frame["type"] for frame in await watcher.until("pong")] == ["chat_changed", "pong"]


async def test_an_unsubscribed_run_is_heard_no_more(client: Client) -> None:
    socket = await client.socket()
    run = (await _ask_to_send(socket, model="endless-5"))["run"]["id"]
    await socket.until("event")
    await socket.ask("unsubscribe", run_id=run)
    await asyncio.sleep(0.2)
    await socket.write({"type": "ping"})
    assert [frame["type"] for frame in await socket.until("pong")] == ["pong"]
    assert (await socket.ask("stop", run_id=run))["run"]["id"] == run


async def test_a_stop_passes_the_frames_before_it_and_ends_within_a_second(client: Client) -> None:
    socket = await client.socket()
    run = (await _ask_to_send(socket, model="endless-5"))["run"]["id"]
    begun = asyncio.get_running_loop().time()
    assert (await socket.ask("stop", run_id=run))["type"] == "ack"
    assert (await socket.events(run))[-1]["event"]["state"] == "stopped"
    assert asyncio.get_running_loop().time() - begun < 1
    again = await socket.ask("stop", run_id=run)
    assert again["run"]["state"] == "stopped"


async def test_every_socket_of_the_owner_hears_of_changes(client: Client) -> None:
    socket = await client.socket()
    chat = await client.new_chat()
    assert await socket.frame() == {"type": "chat_changed", "chat_id": chat, "change": "created"}
    sent = await client.send(chat)
    changed = await socket.frame()
    assert changed == {
        "type": "chat_changed",
        "chat_id": chat,
        "change": "message",
        "message_id": sent["reply"]["id"],
        "run_id": sent["run"]["id"],
    }
    await client.wait_for_end(sent["run"]["id"])
    await client.request("PATCH", f"/chats/{chat}", {"title": "New"})
    assert (await socket.frame())["change"] == "updated"
    await client.delete(f"/chats/{chat}")
    assert (await socket.frame())["change"] == "deleted"


async def test_a_chat_that_begins_with_a_message_is_one_news(client: Client) -> None:
    listening, asking = await client.socket(), await client.socket()
    ack = await _ask_to_send(asking)
    assert await listening.frame() == {
        "type": "chat_changed",
        "chat_id": ack["chat_id"],
        "change": "created",
        "message_id": ack["reply"]["id"],
        "run_id": ack["run"]["id"],
    }
    await client.wait_for_end(ack["run"]["id"])
    await client.delete(f"/chats/{ack['chat_id']}")
    assert (await listening.frame())["change"] == "deleted"


async def test_a_ping_is_answered(client: Client) -> None:
    socket = await client.socket()
    await socket.write({"type": "ping"})
    assert await socket.frame() == {"type": "pong"}
    await socket.write({"type": "ping", "id": "p"})
    assert [await socket.frame(), await socket.frame()] == [{"type": "pong"}, {"type": "ack", "id": "p"}]


async def test_more_pings_than_anybody_needs_wait_and_so_does_what_comes_after_them(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_aichat.server.pings.SECOND", 0.2)
    flooding, other = await client.socket(), await client.socket()
    begun = asyncio.get_running_loop().time()
    await flooding.write('{"type":"ping"}\n' * 64)
    assert (await other.ask("ping"))["type"] == "ack"
    assert asyncio.get_running_loop().time() - begun < 0.2
    assert (await flooding.ask("ping"))["type"] == "ack"
    assert asyncio.get_running_loop().time() - begun > 0.5  # 65 of 20 each fifth of a second


async def test_more_than_a_hundred_frames_that_are_none_wait_and_so_does_what_comes_after_them(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_aichat.server.pings.SECOND", 0.2)
    flooding, other = await client.socket(), await client.socket()
    begun = asyncio.get_running_loop().time()
    await flooding.write("x\n" * 320)
    assert (await other.ask("ping"))["type"] == "ack"
    assert asyncio.get_running_loop().time() - begun < 0.2
    await flooding.write({"type": "ping", "id": "last"})
    frames = await flooding.until("ack")
    assert sum(frame["type"] == "error" for frame in frames) == 320
    assert asyncio.get_running_loop().time() - begun > 0.5  # 320 of 100 each fifth of a second


async def test_who_pings_without_end_is_hung_up_on(client: Client) -> None:
    flooding, other = await client.socket(), await client.socket()
    for _ in range(50):
        flooding.connection.ping(b"once")
    assert (await flooding.ask("ping"))["type"] == "ack"
    for _ in range(200):
        flooding.connection.ping(b"more")
    with pytest.raises(ConnectionError, match="1008"):
        await flooding.frame()
    assert (await other.ask("ping"))["type"] == "ack"


async def test_a_message_may_carry_several_frames(client: Client) -> None:
    socket = await client.socket()
    await socket.write('{"type":"ping"}\n\n  \n{"type":"ping","id":1}\n')
    frames = await socket.until("ack")
    assert [frame["type"] for frame in frames] == ["pong", "pong", "ack"]
    assert socket.messages == 2  # hello, then all answers in one


BAD_FRAMES = [
    pytest.param("", "", id="nothing"),
    pytest.param("{", None, id="no JSON"),
    pytest.param("[]", None, id="no object"),
    pytest.param('{"id": "x"}', "x", id="no type"),
    pytest.param('{"id": "x", "type": "dance"}', "x", id="unknown type"),
    pytest.param('{"id": "x", "type": "ping", "owner_id": "y"}', "x", id="unknown field"),
    pytest.param('{"id": "x", "type": "send"}', "x", id="no text"),
    pytest.param('{"id": "x", "type": "send", "text": "a", "parts": [{"type": "text", "text": "a"}]}', "x", id="both"),
    pytest.param('{"id": "x", "type": "send", "text": " "}', "x", id="empty text"),
    pytest.param('{"id": "x", "type": "send", "text": "\\u0000"}', "x", id="NUL"),
    pytest.param('{"id": "x", "type": "send", "text": "\\ud800"}', None, id="half a pair"),
    pytest.param('{"id": "x", "type": "subscribe"}', "x", id="subscribe to nothing"),
    pytest.param('{"id": "x", "type": "subscribe", "chat_id": "c", "run_id": "r"}', "x", id="subscribe to both"),
    pytest.param('{"id": "x", "type": "unsubscribe"}', "x", id="unsubscribe from nothing"),
    pytest.param('{"type": "send", "id": "x", "text": %s}' % ("[" * 10_000 + "]" * 10_000), None, id="deep"),
]


@pytest.mark.parametrize(("text", "frame_id"), BAD_FRAMES)
async def test_a_bad_frame_is_an_error_and_the_socket_stays(client: Client, text: str, frame_id: str | None) -> None:
    socket = await client.socket()
    await socket.write(text)
    if text:
        error = await socket.frame()
        assert (error["type"], error["code"], error["id"]) == ("error", "invalid_request", frame_id)
    assert (await socket.ask("ping"))["type"] == "ack"
    assert (await client.get("/chats"))["items"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "send", "chat_id": "nosuch", "text": "a"},
        {"type": "edit", "chat_id": "nosuch", "message_id": "m", "text": "a"},
        {"type": "regenerate", "chat_id": "nosuch", "message_id": "m"},
        {"type": "continue", "chat_id": "nosuch", "message_id": "m"},
        {"type": "subscribe", "run_id": "nosuch"},
        {"type": "subscribe", "chat_id": "nosuch"},
        {"type": "stop", "run_id": "nosuch"},
    ],
)
async def test_what_is_not_there_is_an_error_frame(client: Client, fields: Json) -> None:
    socket = await client.socket()
    kind = fields.pop("type")
    error = await socket.ask(kind, **fields)
    assert (error["type"], error["code"]) == ("error", "not_found")
    assert (await socket.ask("ping"))["type"] == "ack"


async def test_binary_closes_with_1003(client: Client) -> None:
    socket = await client.socket()
    await socket.connection.write_message(b'{"type":"ping"}', binary=True)
    with pytest.raises(ConnectionError, match="1003"):
        await socket.frame()


async def test_an_oversized_message_closes_with_1009(client: Client) -> None:
    socket = await client.socket()
    await socket.write(json.dumps({"type": "send", "text": "x" * (1024 * 1024)}))
    with pytest.raises(ConnectionError, match="1009"):
        await socket.frame()
    assert (await client.get("/chats"))["items"] == []


async def test_too_many_frames_in_one_message_are_one_error(client: Client) -> None:
    socket = await client.socket()
    await socket.write('{"type":"ping"}\n' * 5000)
    assert (await socket.frame())["code"] == "invalid_request"
    assert (await socket.ask("ping"))["type"] == "ack"


async def test_many_tiny_frames_are_all_answered(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_aichat.server.pings.SECOND", 0.01)
    socket = await client.socket()
    for _ in range(2000):
        await socket.write("{}")
    for _ in range(2000):
        assert (await socket.frame())["type"] == "error"


async def test_only_our_subprotocol_is_echoed(client: Client) -> None:
    for offered, chosen in (
        (["aichat.v1"], "aichat.v1"),
        (["jwt.secret", "aichat.v1"], "aichat.v1"),
        (["jwt.secret"], None),
        ([], None),
    ):
        socket = await client.socket(subprotocols=offered)
        assert socket.connection.selected_subprotocol == chosen


async def test_a_burst_leaves_in_few_messages_at_little_more_than_its_text(client: Client) -> None:
    socket = await client.socket()
    ack = await _ask_to_send(socket, model="counter-1000-0")
    events = await socket.events(ack["run"]["id"])
    assert text_of(events) == counted(1000)
    assert socket.messages < 40


async def test_the_owners_frames_come_as_server_sent_events_too(client: Client, started: AIChatApp) -> None:
    chat = await client.new_chat()
    seen: list[bytes] = []
    reading = asyncio.ensure_future(
        client._fetch("api", "aichat", "v1", "events", params={"chat_id": chat}, streaming_callback=seen.append)
    )
    await asyncio.sleep(0.2)
    run = (await client.send(chat))["run"]["id"]
    await client.wait_for_end(run)
    await asyncio.sleep(0.1)
    await started.stop_extension()
    await reading
    frames = [json.loads(line[6:]) for line in b"".join(seen).split(b"\n") if line.startswith(b"data: ")]
    assert [frame["type"] for frame in frames[:2]] == ["hello", "chat_changed"]
    assert text_of([frame for frame in frames if frame["type"] == "event"]) == counted(40)
