"""What goes to the service: routes of the table alone, with this server's own headers and the person's token."""

from __future__ import annotations

import logging
import os
from typing import Any

import pytest
from jupyter_server.auth import Authorizer, User
from jupyter_server.base.handlers import JupyterHandler

from jupyter_aichat.app import KERNEL_TOKEN, AIChatApp
from jupyter_aichat.remote.mode import SERVICE_URL
from tests.remote.conftest import Raw
from tests.remote.fake import API, TOKEN, Fake

ALLOWED = {
    *("Host", "Accept", "Accept-Encoding", "User-Agent", "Authorization", "Content-Type", "Content-Length"),
    "X-Request-Id",
}


@pytest.fixture
def remote_mode(fake: Fake) -> dict[str, Any]:
    return {"service_url": f"{fake.url}/", "token": TOKEN}


async def test_the_persons_token_goes_along_and_nothing_of_the_clients(raw: Raw, fake: Fake) -> None:
    fake.answers(200)
    headers = {
        "Cookie": "session=secret",
        "X-Forwarded-For": "203.0.113.9",
        "X-Real-IP": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "X-AIChat": "secret",
        "Connection": "keep-alive, X-AIChat",
        "Referer": fake.url,
        "Accept": "text/html",
        "Authorization": "",
    }
    token = f"token={raw.token}"
    await raw("GET", f"/chats?q=a+b%26c%3Dd&{token}&_xsrf=secret&no_track_activity=1&x=secret", headers)
    assert {name for name, _ in fake.asked.headers.get_all()} <= ALLOWED
    assert fake.asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert fake.asked.headers["Host"] in fake.url
    assert fake.asked.uri == f"{API}/chats?q=a+b%26c%3Dd"
    assert "secret" not in str(list(fake.asked.headers.get_all()))
    assert raw.token not in str(list(fake.asked.headers.get_all()))


async def test_what_the_wire_knows_goes_along(raw: Raw, fake: Fake) -> None:
    fake.answers(202)
    key = {"Idempotency-Key": "k1"}
    await raw("POST", "/chats/0/messages", key, '{"text": "é"}'.encode())
    assert fake.asked.headers["Idempotency-Key"] == "k1"
    assert fake.asked.headers["Content-Type"] == "application/json"
    assert fake.asked.body == '{"text": "é"}'.encode()
    fake.answers(200)
    await raw("GET", "/runs/0/events", {"Last-Event-ID": "7"})
    assert fake.asked.headers["Last-Event-ID"] == "7"


async def test_a_request_keeps_its_name_on_both_servers(raw: Raw, fake: Fake) -> None:
    fake.answers(200, headers={"Content-Type": "application/json", "X-Request-Id": "of-the-service"})
    found = await raw("GET", "/chats", {"X-Request-Id": "from-the-panel"})
    assert fake.asked.headers["X-Request-Id"] == "from-the-panel"
    assert found.headers["X-Request-Id"] == "from-the-panel"
    await raw("GET", "/chats", {"X-Request-Id": "no name"})
    assert fake.asked.headers["X-Request-Id"] not in ("no name", "from-the-panel")


@pytest.mark.parametrize("value", ["é", "a\tb"])
async def test_headers_are_printable_ascii(raw: Raw, fake: Fake, value: str) -> None:
    assert (await raw("GET", "/runs/0/events", {"Last-Event-ID": value})).status == 400
    assert fake.requests == []


SEGMENTS = (
    "a%2Fb", "a%3Fq=1%23f", "%252e%252e", "%25%32%65", "..%2F..%2Fadmin", "..%2Fsessions%2Fx", "a%0d%0aX-Evil:%201", "a;b", "a@b",
    "a%20b", "a%00", "%C3%A9", "\\..\\",
)  # fmt: skip


@pytest.mark.parametrize("segment", SEGMENTS)
async def test_what_no_id_is_made_of_is_not_passed_on(raw: Raw, fake: Fake, segment: str) -> None:
    """Encoded it would stay one segment for the service, and not for every proxy before it."""
    for method, path in (
        ("GET", f"/chats/{segment}"),
        ("GET", f"/chats/{segment}/messages"),
        ("DELETE", f"/chats/{segment}"),
    ):
        assert (await raw(method, path)).code == (404, "not_found")
    assert fake.requests == []


async def test_ids_are_passed_on_as_they_are(raw: Raw, fake: Fake) -> None:
    fake.answers(200)
    await raw("GET", "/chats/aZ09_-~.x/messages")
    assert fake.asked.uri == f"{API}/chats/aZ09_-~.x/messages"


@pytest.mark.parametrize(
    "asked", ["/chats/..", "/chats/%2e%2e", "/chats/.%2e/messages", "/chats/%2E", "/runs/../events"]
)
async def test_no_way_leads_up(raw: Raw, fake: Fake, asked: str) -> None:
    assert (await raw("GET", asked)).code == (404, "not_found")
    assert fake.requests == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/auth/login"),
        ("POST", "/auth/refresh"),
        ("GET", "/sessions"),
        ("DELETE", "/sessions/x"),
        ("GET", "/tokens"),
        ("POST", "/tokens"),
        ("GET", "/admin/users"),
        ("GET", "/admin/audit"),
        ("DELETE", "/me"),
        ("GET", "/me/export"),
        ("PUT", "/chats"),
        ("DELETE", "/chats"),
        ("GET", "/nowhere"),
        ("GET", "/chats/x/y/z"),
        ("GET", "/"),
    ],
)
async def test_the_table_is_the_bound(raw: Raw, fake: Fake, method: str, path: str) -> None:
    assert (await raw(method, path)).status in (404, 405)
    assert fake.requests == []


async def test_large_bodies_are_refused_here(raw: Raw, fake: Fake) -> None:
    assert (await raw("POST", "/chats", body=b"x" * (1024 * 1024 + 1))).code == (413, "too_large")
    assert fake.requests == []


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
async def test_who_may_not_ask_here_asks_nothing_there(raw: Raw, fake: Fake, method: str) -> None:
    for authorization in ("", "token wrong", f"Bearer {TOKEN}"):
        path = "/chats" if method == "POST" else "/chats/0123"
        assert (await raw(method, path, {"Authorization": authorization})).code == (403, "forbidden")
    assert fake.requests == []


async def test_the_readiness_is_asked_without_the_token(raw: Raw, fake: Fake) -> None:
    ready = b'{"status":"ok","parts":{"store":"ok","bus":"ok","cache":"ok","provider":"ok"}}'
    fake.answers(200, ready)
    assert (await raw("GET", "/ready", {"Authorization": ""})).json["status"] == "ok"
    assert "Authorization" not in fake.asked.headers


class Denying(Authorizer):
    """Lets nobody use the chat."""

    async def is_authorized(self, handler: JupyterHandler, user: User, action: str, resource: str) -> bool:
        return resource != "aichat"


@pytest.fixture
def denying(jp_server_config: dict[str, Any]) -> None:
    jp_server_config["ServerApp"]["authorizer_class"] = Denying


async def test_the_servers_authorizer_is_heard(denying: None, raw: Raw, fake: Fake) -> None:
    asked = [("GET", "/chats"), ("POST", "/chats"), ("PATCH", "/chats/0"), ("DELETE", "/chats/0"), ("GET", "/ws")]
    for method, path in asked:
        assert (await raw(method, path)).code == (403, "forbidden")
    assert fake.requests == []


async def test_kernels_come_in_with_their_own_token(raw: Raw, fake: Fake) -> None:
    fake.answers(200)
    kernel = {"Authorization": f"Bearer {os.environ[KERNEL_TOKEN]}"}
    assert (await raw("GET", "/chats/0", kernel)).status == 200
    assert fake.asked.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [200, 404, 503])
async def test_the_link_of_a_share_is_in_no_log(
    raw: Raw, fake: Fake, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    fake.answers(status, b'{"code":"a","message":"m"}')
    with caplog.at_level(logging.DEBUG):
        assert (await raw("GET", "/shared/s3cret-of-a-link")).status == status
    assert fake.asked.uri == f"{API}/shared/s3cret-of-a-link"
    assert "/shared/" in caplog.text
    assert "s3cret-of-a-link" not in caplog.text


async def test_kernels_are_told_that_there_is_a_service_as_long_as_there_is(started: AIChatApp, fake: Fake) -> None:
    assert os.environ[SERVICE_URL] == fake.url
    await started.stop_extension()
    assert SERVICE_URL not in os.environ
    assert KERNEL_TOKEN not in os.environ


async def test_a_cookie_alone_cannot_write(raw: Raw, fake: Fake) -> None:
    fake.answers(200)
    cookie = (await raw("GET", "/chats/0")).headers["Set-Cookie"].split(";")[0]
    alone = {"Cookie": cookie, "Authorization": ""}
    assert (await raw("GET", "/chats/0", alone)).status == 200
    before = len(fake.requests)
    answer = await raw("POST", "/chats", alone, b"{}")
    assert answer.code == (403, "forbidden")
    assert "_xsrf" in answer.json["message"]
    assert len(fake.requests) == before
