"""A Jupyter server in remote mode is culled neither in the middle of an answer nor kept for an open panel that is silent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tornado import web
from tornado.websocket import WebSocketClientConnection

from jupyter_aichat.app import AIChatApp
from jupyter_aichat.remote.gateway import Gateway
from tests.remote.conftest import Raw
from tests.remote.fake import TOKEN, Fake

EVERY_S = 0.03
EVENT = {"type": "event", "run_id": "r", "chat_id": "c", "seq": 1, "event": {"type": "text_delta", "text": "a"}}
END = {**EVENT, "event": {"type": "run_finished"}}


@pytest.fixture
def remote_mode(fake: Fake) -> dict[str, Any]:
    return {"service_url": fake.url, "token": TOKEN}


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_aichat.server.busy.EVERY_S", EVERY_S)


@pytest.fixture
def panel(
    started: AIChatApp, jp_ws_fetch: Callable[..., Any], jp_asyncio_loop: asyncio.AbstractEventLoop
) -> Iterator[WebSocketClientConnection]:
    socket = jp_asyncio_loop.run_until_complete(jp_ws_fetch("api", "aichat", "v1", "ws"))
    yield socket
    socket.close()


@pytest.fixture
def moves(jp_fetch: Callable[..., Any]) -> Callable[[], Awaitable[bool]]:
    """Tell whether the time moves that a Hub's culler looks at: within ten times the time in which it should."""

    async def at() -> str:
        return str(json.loads((await jp_fetch("api", "status")).body)["last_activity"])

    async def moves() -> bool:
        begun = await at()
        end = time.monotonic() + 10 * EVERY_S
        while time.monotonic() < end:
            await asyncio.sleep(EVERY_S / 2)
            if await at() != begun:
                return True
        return False

    return moves


@pytest.fixture
def culled(jp_serverapp: ServerApp, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Tell whether Jupyter's own rule stops the server that has done nothing for so long that any pause is too long."""
    stopped: list[bool] = []
    monkeypatch.setattr(jp_serverapp, "stop", lambda: stopped.append(True))
    monkeypatch.setattr(jp_serverapp, "shutdown_no_activity_timeout", 0)

    def look() -> bool:
        stopped.clear()
        jp_serverapp.shutdown_no_activity()
        return bool(stopped)

    return look


async def _say(panel: WebSocketClientConnection, fake: Fake, frame: dict[str, Any]) -> None:
    await fake.sockets[-1].write_message(json.dumps(frame))
    await panel.read_message()


async def test_an_answer_that_is_read_keeps_the_server_and_its_reader_alone_does_not(
    panel: WebSocketClientConnection, fake: Fake, moves: Callable[[], Awaitable[bool]], culled: Callable[[], bool]
) -> None:
    assert not await moves()
    assert culled()
    await _say(panel, fake, EVENT)
    assert await moves()
    assert not culled()
    await _say(panel, fake, END)
    assert not await moves()
    assert culled()


async def test_a_panel_that_is_seen_keeps_the_server_by_what_it_says(
    panel: WebSocketClientConnection, fake: Fake, jp_serverapp: ServerApp
) -> None:
    last_activity: Any = jp_serverapp.web_app.last_activity
    begun = datetime.now(UTC)
    await panel.write_message('{"type":"ping"}')
    async with asyncio.timeout(3):
        while not fake.sockets[-1].received:
            await asyncio.sleep(0.01)
    assert last_activity() >= begun


async def test_a_cell_that_waits_keeps_the_server_and_a_stream_of_news_does_not(
    raw: Raw, fake: Fake, moves: Callable[[], Awaitable[bool]]
) -> None:
    async def stream(handler: web.RequestHandler) -> None:
        handler.set_header("Content-Type", "text/event-stream")
        handler.write(b":\n\n")
        await handler.flush()
        await fake.gone.wait()

    fake.behave = stream
    for path, keeps in (("/runs/r/events", True), ("/events", False)):
        fake.gone.clear()
        async with raw.open("GET", path) as answer:
            assert await answer.content.readany()
            assert await moves() is keeps
            answer.close()
            await asyncio.wait_for(fake.gone.wait(), 3)


async def test_nothing_is_looked_at_when_the_chat_has_stopped(
    started: AIChatApp, moves: Callable[[], Awaitable[bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gateway, "active_runs", 1)
    assert await moves()
    await started.stop_extension()
    assert not await moves()
