"""What is under way when somebody's access ends: requests that are still coming, and files that are still going."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.service_app.asking import fresh_name
from tests.service_app.process import PASSWORD, Person, Service

RUNNING = ("queued", "loading", "streaming")
QUESTION, QUESTIONS = "a" * 500_000, 16
"""More than what the system keeps for a connection that nobody reads."""


@contextmanager
def asking(service: Service, person: Person, method: str, path: str, size: int = 0) -> Iterator[socket.socket]:
    """Send the headers of a request with a body of so many bytes."""
    url = urlsplit(f"{service.base}{path}")
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        found.settimeout(20)
        found.connect((url.hostname, url.port))
        lines = (
            f"{method} {url.path} HTTP/1.1",
            f"Host: {url.netloc}",
            f"Authorization: Bearer {person.token}",
            "Content-Type: application/json",
            f"Content-Length: {size}",
        )
        found.sendall("\r\n".join((*lines, "", "")).encode())
        yield found


def _status(found: socket.socket) -> int:
    return int(found.recv(65536).split(b" ", 2)[1])


async def _until_closed(service: Service, person: Person, end: httpx.Request, client: httpx.Client) -> None:
    """End somebody's access, and wait until an open socket was closed for it."""
    opened = await service.socket(person.token)
    await opened.frame()
    assert (await asyncio.to_thread(client.send, end)).is_success
    with pytest.raises(ConnectionError):
        while True:
            await opened.frame()


@pytest.mark.parametrize("how", ["logout", "roles"])
async def test_a_body_that_comes_after_the_end_of_access_is_not_carried_out(
    service: Service, admin: Person, how: str
) -> None:
    person, name = await asyncio.to_thread(service.person, fresh_name(), "user", "admin"), fresh_name()
    wanted: dict[str, Any] = {"username": name, "password": PASSWORD, "roles": ["admin"]}
    body = json.dumps(wanted).encode()
    with asking(service, person, "POST", "/admin/users", len(body)) as found:
        found.sendall(body[:1])
        if how == "logout":
            await _until_closed(service, person, person.http.build_request("POST", "/auth/logout"), person.http)
        else:
            changes = admin.http.build_request("PATCH", f"/admin/users/{person.owner_id}", json={"roles": ["user"]})
            await _until_closed(service, person, changes, admin.http)
        found.sendall(body[1:])
        assert _status(found) == 401
    assert name not in {user["name"] for user in admin.json("GET", "/admin/users?limit=200")["items"]}


@pytest.mark.parametrize("how", ["PATCH", "DELETE"])
def test_answers_under_way_stop_with_their_account(service: Service, admin: Person, how: str) -> None:
    person = service.person(fresh_name())
    run = person.send("endless-20")["run"]["id"]
    with person.http.stream("GET", f"/runs/{run}/events") as events:
        next(line for line in events.iter_lines() if "text_delta" in line)
        answer = admin.http.request(how, f"/admin/users/{person.owner_id}", json={"disabled": True})
        assert answer.is_success
    deadline = time.monotonic() + 5
    while (state := _state(service, run)) in RUNNING and time.monotonic() < deadline:
        time.sleep(0.05)
    assert state == ("stopped" if how == "PATCH" else None)


def _state(service: Service, run: str) -> str | None:
    """How a run stands in the store: nobody may ask the service."""
    with sqlite3.connect(service.store_url.removeprefix("sqlite:///")) as database:
        row = database.execute("SELECT body FROM runs WHERE id = ?", (run,)).fetchone()
    return None if row is None else str(json.loads(row[0])["run"]["state"])


async def test_an_export_is_cut_off_at_a_logout(service: Service) -> None:
    person = await asyncio.to_thread(service.person, fresh_name())
    for _ in range(QUESTIONS):
        person.send("counter-5-1", QUESTION)
    with asking(service, person, "GET", "/me/export") as found:
        assert _status(found) == 200
        await _until_closed(service, person, person.http.build_request("POST", "/auth/logout"), person.http)
        read, last = 0, b""
        try:
            while data := found.recv(1 << 20):
                read, last = read + len(data), data
        except ConnectionError:
            pass
        assert read < QUESTIONS * len(QUESTION)
        assert b'{"type":"end"}' not in last
