"""A service that takes connections and says nothing: told in time, over REST and the socket, and over as soon as it speaks."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from tornado import web

from tests.remote.conftest import Raw
from tests.remote.fake import TOKEN, Fake


@pytest.fixture
def remote_mode(fake: Fake) -> dict[str, Any]:
    return {"service_url": fake.url, "token": TOKEN, "connect_timeout_s": 0.2, "timeout_s": 1.0}


@pytest.fixture
def hanging(fake: Fake) -> Fake:
    async def hang(_: web.RequestHandler) -> None:
        await fake.gone.wait()

    fake.behave = fake.refuse = hang
    return fake


@pytest.mark.parametrize(("path", "within_s"), [("/me", 3.0), ("/ws", 0.9)])
async def test_it_is_told_within_its_time(raw: Raw, hanging: Fake, path: str, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        answer = await raw("GET", path)
    assert answer.code == (503, "not_ready")
    assert answer.json["details"]["service"] == hanging.url
    assert "does not answer" in answer.json["message"]
    assert (await raw("GET", "/health")).json["service"] == "away"


async def test_while_a_question_hangs_others_know(raw: Raw, hanging: Fake) -> None:
    """The panel asks so where its own question takes too long."""
    await raw("GET", "/ws")
    asking = asyncio.create_task(raw("GET", "/me"))
    assert (await raw("GET", "/health")).json["service"] == "away"
    assert not asking.done()
    assert (await asking).status == 503


async def test_it_is_over_by_itself(raw: Raw, hanging: Fake) -> None:
    assert (await raw("GET", "/me")).status == 503
    hanging.answers(200)
    assert (await raw("GET", "/me")).status == 200
    assert (await raw("GET", "/health")).json["service"] == "ok"


async def test_an_answer_that_stops_in_its_middle_is_not_taken_for_whole(raw: Raw, fake: Fake) -> None:
    async def stall(handler: web.RequestHandler) -> None:
        handler.set_header("Content-Type", "application/json")
        handler.set_header("Content-Length", "100")
        handler.write(b'{"id":')
        await handler.flush()
        await fake.gone.wait()

    fake.behave = stall
    with pytest.raises(aiohttp.ClientPayloadError):
        async with asyncio.timeout(3):
            await raw("GET", "/chats/0")
