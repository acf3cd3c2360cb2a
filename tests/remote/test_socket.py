"""The socket through a Jupyter server in remote mode: asked there before it is let in here, closed alike at both ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketClientConnection

from jupyter_aichat.app import AIChatApp
from tests.remote.fake import JSON, SOCKET_BUFFERS, TOKEN, Fake, FakeSocket

MIB = 1024 * 1024

Connect = Callable[..., Awaitable[tuple[WebSocketClientConnection, FakeSocket]]]


@pytest.fixture
def remote_mode(fake: Fake) -> dict[str, Any]:
    return {"service_url": fake.url, "token": TOKEN}


@pytest.fixture
def connect(started: AIChatApp, jp_ws_fetch: Callable[..., Any], fake: Fake) -> Iterator[Connect]:
    """Open a socket; return both of its ends."""
    opened: list[WebSocketClientConnection] = []

    async def open_both(**kwargs: Any) -> tuple[WebSocketClientConnection, FakeSocket]:
        opened.append(await jp_ws_fetch("api", "aichat", "v1", "ws", **kwargs))
        return opened[-1], fake.sockets[-1]

    yield open_both
    for ours in opened:
        ours.close()


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_messages_pass_both_ways_as_they_are(connect: Connect) -> None:
    ours, theirs = await connect()
    down = ['{"type":"hello","é":"😀"}', "\n".join(['{"type":"pong"}'] * 3), "x" * MIB]
    for message in down:
        await theirs.write_message(message)
    assert [await ours.read_message() for _ in down] == down
    up = ['{"type":"ping"}', "y" * MIB, "ö"]
    for message in up:
        await ours.write_message(message)
    await _until(lambda: len(theirs.received) == 3)
    assert theirs.received == up


async def test_a_snapshot_may_be_long(connect: Connect) -> None:
    ours, theirs = await connect()
    await theirs.write_message("x" * (9 * MIB))
    assert len(await ours.read_message() or "") == 9 * MIB


async def test_only_our_own_words_go_up(connect: Connect, fake: Fake) -> None:
    headers = {
        "Cookie": "session=secret",
        "X-Forwarded-For": "203.0.113.9",
        "Sec-WebSocket-Protocol": "aichat.v1, jwt.secret, other",
    }
    ours, _ = await connect(headers=headers)
    assert ours.selected_subprotocol == "aichat.v1"
    assert fake.asked.headers["Sec-WebSocket-Protocol"] == "aichat.v1"
    assert fake.asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert not {"Cookie", "Origin", "X-Forwarded-For"} & set(fake.asked.headers)
    assert "secret" not in str(list(fake.asked.headers.get_all()))


@pytest.mark.parametrize(
    ("code", "reason"), [(4401, "expired"), (4403, "revoked"), (1012, "restart"), (1008, ""), (1000, "")]
)
async def test_the_services_close_reaches_the_client(connect: Connect, code: int, reason: str) -> None:
    ours, theirs = await connect()
    theirs.close(code, reason)
    assert await ours.read_message() is None
    assert (ours.close_code, ours.close_reason or "") == (code, reason)


async def test_who_pings_without_end_is_hung_up_on_at_both_ends(connect: Connect) -> None:
    ours, theirs = await connect()
    for _ in range(200):
        ours.ping(b"more")
    assert await ours.read_message() is None
    assert (ours.close_code, ours.close_reason) == (1008, "too many pings")
    await asyncio.wait_for(theirs.closed.wait(), 3)
    assert theirs.received == []


async def test_a_service_that_vanishes_is_a_restart(connect: Connect) -> None:
    ours, theirs = await connect()
    assert theirs.ws_connection is not None
    assert theirs.ws_connection.stream is not None
    theirs.ws_connection.stream.close()
    assert await ours.read_message() is None
    assert ours.close_code == 1012


async def test_the_clients_close_reaches_the_service(connect: Connect) -> None:
    ours, theirs = await connect()
    ours.close(4000, "bye")
    await asyncio.wait_for(theirs.closed.wait(), 3)
    assert (theirs.close_code, theirs.close_reason) == (4000, "bye")


async def test_a_client_that_vanishes_has_gone_away(connect: Connect) -> None:
    ours, theirs = await connect()
    assert ours.protocol is not None
    assert ours.protocol.stream is not None
    ours.protocol.stream.close()
    await asyncio.wait_for(theirs.closed.wait(), 3)
    assert theirs.close_code == 1001


async def test_the_end_of_this_server_is_a_restart_for_the_client(connect: Connect, started: AIChatApp) -> None:
    ours, theirs = await connect()
    await started.stop_extension()
    assert await asyncio.wait_for(ours.read_message(), 3) is None
    assert ours.close_code == 1012
    await asyncio.wait_for(theirs.closed.wait(), 3)


async def test_frames_are_text_and_of_bounded_size(connect: Connect) -> None:
    ours, theirs = await connect()
    await ours.write_message(b"\x00", binary=True)
    assert await ours.read_message() is None
    assert ours.close_code == 1003
    ours, theirs = await connect()
    await ours.write_message("x" * (MIB + 1))
    assert await ours.read_message() is None
    assert ours.close_code == 1009
    await asyncio.wait_for(theirs.closed.wait(), 3)
    assert theirs.received == []


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (401, "unauthenticated", (401, "unauthenticated")),
        (403, "forbidden", (403, "forbidden")),
        (429, "rate_limited", (429, "rate_limited")),
        (503, "store_unavailable", (503, "store_unavailable")),
    ],
)
async def test_a_refused_handshake_says_why(
    connect: Connect, fake: Fake, status: int, code: str, told: tuple[int, str]
) -> None:
    fake.answers(status, json.dumps({"code": code, "message": "m"}).encode(), {**JSON, "Retry-After": "3"})
    with pytest.raises(HTTPClientError) as caught:
        await connect()
    assert caught.value.response is not None
    assert (caught.value.code, json.loads(caught.value.response.body)["code"]) == told
    assert TOKEN.encode() not in caught.value.response.body


@pytest.mark.parametrize("status", [200, 302, 307, 404, 502])
async def test_something_else_than_the_service_is_told(connect: Connect, fake: Fake, status: int) -> None:
    fake.answers(status, b"<html>", {"Content-Type": "text/html", "Location": f"{fake.url}/api/aichat/v1/ws"})
    with pytest.raises(HTTPClientError) as caught:
        await connect()
    assert caught.value.response is not None
    assert (caught.value.code, json.loads(caught.value.response.body)["code"]) == (502, "bad_upstream")
    assert len(fake.requests) == 1


async def test_a_socket_of_another_kind_is_not_ours(connect: Connect, fake: Fake) -> None:
    fake.subprotocol = None
    with pytest.raises(HTTPClientError) as caught:
        await connect()
    assert caught.value.code == 502


async def test_nobody_there(connect: Connect, fake: Fake) -> None:
    await fake.stop()
    with pytest.raises(HTTPClientError) as caught:
        await connect()
    assert caught.value.code == 503


@pytest.mark.parametrize(
    "headers", [{"Authorization": ""}, {"Authorization": "token wrong"}, {"Origin": "http://evil.example"}]
)
async def test_who_may_not_come_in_here_is_not_heard_of_there(
    connect: Connect, fake: Fake, headers: dict[str, str], jp_serverapp: Any, jp_fetch: Callable[..., Any]
) -> None:
    if "Origin" in headers:  # a token would be enough from anywhere; a cookie is not
        cookie = (await jp_fetch("api", "status")).headers.get_list("Set-Cookie")[0].split(";")[0]
        headers = {**headers, "Cookie": cookie, "Authorization": ""}
    with pytest.raises(HTTPClientError) as caught:
        await connect(headers=headers)
    assert caught.value.code == 403
    assert fake.requests == []


async def test_a_client_that_does_not_read_stops_the_service(connect: Connect, started: AIChatApp) -> None:
    _, theirs = await connect()
    written = 0

    async def pour() -> None:
        nonlocal written
        while True:
            await theirs.write_message("x" * 65536)
            written += 65536

    pouring = asyncio.create_task(pour())
    before = -1
    while before != written:  # until nothing moves
        before = written
        await asyncio.sleep(0.3)
    pouring.cancel()
    assert 0 < written < SOCKET_BUFFERS


async def test_a_service_that_does_not_read_stops_the_client(connect: Connect) -> None:
    ours, theirs = await connect()
    theirs.reading.clear()
    written = 0

    async def pour() -> None:
        nonlocal written
        while True:
            await ours.write_message("x" * 65536)
            written += 65536

    pouring = asyncio.create_task(pour())
    before = -1
    while before != written:
        before = written
        await asyncio.sleep(0.3)
    pouring.cancel()
    assert 0 < written < SOCKET_BUFFERS
    assert len(theirs.received) == 1
    theirs.reading.set()


async def test_an_answer_under_way_keeps_the_server_alive_and_an_open_panel_does_not(
    connect: Connect, started: AIChatApp
) -> None:
    def event(run: str, kind: str) -> str:
        return json.dumps(
            {"type": "event", "run_id": run, "chat_id": "c", "seq": 1, "event": {"type": kind, "text": "é"}}
        )

    async def see(message: str) -> dict[str, Any] | None:
        await theirs.write_message(message)
        await ours.read_message()
        return started.current_activity()

    ours, theirs = await connect()
    assert await see('{"type":"hello"}') is None
    ack = {"type": "ack", "id": 1, "chat_id": "c", "run": {"id": "r1", "state": "queued"}}
    assert await see(json.dumps(ack)) == {"runs": 1}
    assert await see(event("r1", "text_delta")) == {"runs": 1}
    assert await see("\n".join((event("r2", "text_delta"), event("r1", "run_finished")))) == {"runs": 1}
    await ours.write_message('{"type":"unsubscribe","chat_id":"c"}')
    await _until(lambda: started.current_activity() is None)
    assert await see(event("r3", "queue_position")) == {"runs": 1}
    ours.close()
    await _until(lambda: started.current_activity() is None)
