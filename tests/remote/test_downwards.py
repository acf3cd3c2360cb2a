"""What comes back: answers and errors of the service as they are, nothing of anybody else's."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import aiohttp
import pytest
from tornado import web

from jupyter_aichat.app import KERNEL_TOKEN
from tests.remote.conftest import Raw
from tests.remote.fake import JSON, SOCKET_BUFFERS, TOKEN, Fake

HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
def remote_mode(fake: Fake) -> dict[str, Any]:
    return {"service_url": fake.url, "token": TOKEN}


async def test_errors_keep_status_code_details_and_headers(raw: Raw, fake: Fake) -> None:
    body = b'{"code":"quota_exceeded","message":"Used up.","details":{"retry_after":7,"x":[1]},"later":1}'
    limits = {"RateLimit": '"default";r=0;t=7', "RateLimit-Policy": '"default";q=60;w=60'}
    fake.answers(429, body, {**JSON, **limits, "Retry-After": "7"})
    answer = await raw("GET", "/chats/0")
    assert answer.status == 429
    assert answer.body == (
        b'{"code":"quota_exceeded","message":"Used up.","details":{"retry_after":7,"x":[1]},"reason":null}'
    )
    assert {name: answer.headers[name] for name in limits} == limits
    assert answer.headers["Retry-After"] == "7"


@pytest.mark.parametrize("status", [400, 404, 409, 413, 418, 500, 503])
async def test_a_status_is_kept_also_with_a_code_of_a_later_version(raw: Raw, fake: Fake, status: int) -> None:
    fake.answers(status, b'{"code":"of_tomorrow","message":"m"}')
    answer = await raw("GET", "/chats/0")
    assert (answer.status, b'"of_tomorrow"' in answer.body) == (status, True)


async def test_a_refused_token_is_told_as_such(raw: Raw, fake: Fake) -> None:
    fake.answers(401, b'{"code":"unauthenticated","message":"m","details":{}}', {**JSON, "WWW-Authenticate": "Basic"})
    answer = await raw("GET", "/me")
    assert answer.code == (401, "unauthenticated")
    assert fake.url in answer.json["message"]
    assert "Tokens" in answer.json["message"]
    assert answer.json["details"]["service"] == fake.url
    assert TOKEN.encode() not in answer.body
    assert "Basic" not in answer.headers["WWW-Authenticate"]
    assert (await raw("GET", "/health")).json["service"] == "refused"


@pytest.fixture
def under_a_hub(monkeypatch: pytest.MonkeyPatch, remote_mode: dict[str, Any]) -> None:
    del remote_mode["token"]
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", TOKEN)


async def test_under_a_hub_a_refused_token_is_the_hubs(under_a_hub: None, raw: Raw, fake: Fake) -> None:
    fake.answers(401, b'{"code":"unauthenticated","message":"m","details":{}}')
    for path in ("/me", "/ws"):
        answer = await raw("GET", path, {"Authorization": f"Bearer {os.environ[KERNEL_TOKEN]}"})
        assert answer.code == (401, "unauthenticated")
        assert "Hub Control Panel" in answer.json["message"]
        assert "Tokens" not in answer.json["message"]
        assert answer.json["details"] == {"service": fake.url, "given_by": "hub"}


async def test_a_403_says_whose_it_is(raw: Raw, fake: Fake) -> None:
    fake.answers(403, b'{"code":"forbidden","message":"Not with this token.","details":{}}')
    answer = await raw("POST", "/chats", body=b"{}")
    assert answer.json["details"] == {"service": fake.url}
    assert answer.json["message"] == "Not with this token."


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"<html>Log in</html>", HTML),
        (200, b"{}", {"Content-Type": "text/plain"}),
        (200, b"<svg/>", {"Content-Type": "image/svg+xml"}),
        (200, b"%PDF", {"Content-Type": "application/pdf"}),
        (200, b"alert(1)", {"Content-Type": "text/javascript"}),
        (200, b"{}", {}),
        (200, b"\x1f\x8b", {**JSON, "Content-Encoding": "gzip"}),
        (401, b"<html>Log in</html>", HTML),
        (403, b"<html>no</html>", HTML),
        (404, b"<html>nginx</html>", HTML),
        (502, b"<html>nginx</html>", HTML),
        (500, b'{"code":1', JSON),
        (500, b'"text"', JSON),
        (500, b'{"message":"no code"}', JSON),
        (500, b"[" * 60000, JSON),
        (500, b'{"code":"a","message":"' + b"x" * 100_000 + b'"}', JSON),
        (201, b"{}", JSON),
    ],
)
async def test_what_is_not_the_services_is_not_relayed(
    raw: Raw, fake: Fake, status: int, body: bytes, headers: dict[str, str]
) -> None:
    fake.answers(status, body, headers)
    answer = await raw("GET", "/chats/0")
    assert answer.status == 502
    assert b'"bad_upstream"' in answer.body
    assert body not in answer.body


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_redirect_is_followed(raw: Raw, fake: Fake, status: int, method: str) -> None:
    fake.answers(status, b"", {**JSON, "Location": f"{fake.url}/elsewhere"})
    assert (await raw(method, "/chats")).code == (502, "bad_upstream")
    assert len(fake.requests) == 1


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "application/octet-stream", "application/json"])
async def test_nothing_that_is_relayed_can_run(raw: Raw, fake: Fake, kind: str) -> None:
    harm = {"Set-Cookie": "a=b", "Content-Security-Policy": "default-src *", "X-Evil": "1", "Refresh": "0;url=/"}
    fake.answers(200, b"\x89PNG", {"Content-Type": kind, **harm, "Access-Control-Allow-Origin": "*", "ETag": '"1"'})
    answer = await raw("GET", "/chats/0", {"If-None-Match": '"1"'})
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"\x89PNG", kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert answer.headers["ETag"] == '"1"'
    assert fake.asked.headers["If-None-Match"] == '"1"'
    assert not {"X-Evil", "Refresh"} & answer.headers.keys()
    assert answer.headers.get("Access-Control-Allow-Origin") != "*"
    assert "a=b" not in answer.headers.get("Set-Cookie", "")
    assert ("attachment" in answer.headers.get("Content-Disposition", "")) == (kind == "application/octet-stream")


@pytest.mark.parametrize(
    ("kind", "told", "relayed"),
    [
        ("text/markdown", 'attachment; filename="a.md"', 'attachment; filename="a.md"'),
        ("application/json", "attachment; filename=\"_.json\"; filename*=UTF-8''%C3%BC.json", "attachment; filename=\"_.json\"; filename*=UTF-8''%C3%BC.json"),
        ("text/markdown", "inline", "attachment"),
        ("application/x-ipynb+json", "", "attachment"),
        ("application/zip", 'attachment; filename="../a.md"', "attachment"),
        ("application/json", 'attachment; filename="a"; x="y"', None),
    ],
)  # fmt: skip
async def test_a_file_is_saved_under_a_safe_name(
    raw: Raw, fake: Fake, kind: str, told: str, relayed: str | None
) -> None:
    fake.answers(200, b"{}", {"Content-Type": kind, **({"Content-Disposition": told} if told else {})})
    answer = await raw("GET", "/chats/0/export")
    assert (answer.status, answer.headers.get("Content-Disposition")) == (200, relayed)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_not_modified_is_passed_on(raw: Raw, fake: Fake) -> None:
    fake.answers(304, b"", {"ETag": '"1"'})
    answer = await raw("GET", "/chats/0", {"If-None-Match": '"1"'})
    assert (answer.status, answer.body) == (304, b"")


async def test_nobody_there_is_told_and_over_as_soon_as_somebody_is(raw: Raw, fake: Fake) -> None:
    fake.answers(200)
    assert (await raw("GET", "/chats/0")).status == 200
    await fake.stop()
    answer = await raw("GET", "/chats/0")
    assert answer.code == (503, "not_ready")
    assert answer.headers["Retry-After"]
    assert fake.url in answer.json["message"]
    health = (await raw("GET", "/health")).json
    assert (health["state"], health["service"]) == ("ready", "away")
    ready = await raw("GET", "/ready")
    assert (ready.status, ready.json["status"]) == (503, "down")

    from tests.remote import fake as fakes

    again = await fakes.start(int(fake.url.rsplit(":", 1)[1]))
    again.answers(200)
    assert (await raw("GET", "/chats/0")).status == 200
    assert (await raw("GET", "/health")).json["service"] == "ok"
    await again.stop()


async def test_an_answer_that_is_cut_is_not_taken_for_whole(raw: Raw, fake: Fake) -> None:
    async def cut(handler: web.RequestHandler) -> None:
        handler.set_header("Content-Length", "100")
        handler.set_header("Content-Type", "application/json")
        handler.write(b'{"id":')
        await handler.flush()
        handler.detach().close()

    fake.behave = cut
    with pytest.raises(aiohttp.ClientPayloadError):
        await raw("GET", "/chats/0")


async def test_the_service_hears_that_a_reader_has_gone(raw: Raw, fake: Fake) -> None:
    async def stream(handler: web.RequestHandler) -> None:
        handler.set_header("Content-Type", "text/event-stream")
        handler.write(b":\n\n")
        await handler.flush()
        await fake.gone.wait()

    fake.behave = stream
    async with raw.open("GET", "/events") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert await answer.content.readany() == b":\n\n"
        answer.close()
        await asyncio.wait_for(fake.gone.wait(), 2)


async def test_a_reader_that_does_not_read_stops_the_service(raw: Raw, fake: Fake) -> None:
    written = 0
    piece = b"data: " + b"x" * 65536 + b"\n\n"

    async def stream(handler: web.RequestHandler) -> None:
        nonlocal written
        handler.set_header("Content-Type", "text/event-stream")
        while not fake.gone.is_set():
            handler.write(piece)
            await handler.flush()
            written += len(piece)

    fake.behave = stream
    async with raw.open("GET", "/events") as answer:
        before = -1
        while before != written:  # until nothing moves
            before = written
            await asyncio.sleep(0.3)
        assert 0 < written < SOCKET_BUFFERS
        assert (await asyncio.wait_for(raw("GET", "/health"), 1)).json["status"] == "ok"
        answer.close()
        await asyncio.wait_for(fake.gone.wait(), 2)
