"""What only a real server in its own process can show: memory, signals, restarts."""

from __future__ import annotations

import base64
import os
import signal
import socket
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.server.process import TOKEN, Server, running

MB = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server"), "--ScriptedProvider.names=code-3000") as server:
        yield server


def _send(server: Server, model: str) -> dict[str, Any]:
    chat = server.json("POST", "/chats", {})["id"]
    sent: dict[str, Any] = server.json("POST", f"/chats/{chat}/messages", {"text": "Count.", "model": model})
    return sent


def _reply(server: Server, sent: dict[str, Any]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = server.json("GET", f"/chats/{sent['reply']['chat_id']}/messages")["items"]
    return next(message for message in messages if message["id"] == sent["reply"]["id"])


def _wait_for_text(server: Server, sent: dict[str, Any], size: int) -> str:
    while True:
        parts = _reply(server, sent)["parts"]
        if parts and len(parts[0]["text"]) > size:
            return str(parts[0]["text"])
        time.sleep(0.05)


def test_sigterm_ends_quickly_and_a_restart_keeps_the_chats(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        done = _send(server, "counter")
        server.http.get(f"/runs/{done['run']['id']}/events")
        under_way = _send(server, "endless-50")
        text = _wait_for_text(server, under_way, 20)
        assert server.terminate() < 5
    with running(tmp_path) as server:
        assert len(server.json("GET", "/chats")["items"]) == 2
        assert _reply(server, done)["status"] == "completed"
        reply = _reply(server, under_way)
        assert reply["status"] == "interrupted"
        assert reply["parts"][0]["text"].startswith(text)
        rest = server.json("POST", f"/chats/{reply['chat_id']}/messages/{reply['id']}/continue", {})
        assert rest["reply"]["id"] == reply["id"]


def test_what_a_killed_server_was_writing_is_interrupted_and_keeps_its_text(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        sent = _send(server, "endless-50")
        time.sleep(2.5)
        text = _wait_for_text(server, sent, 20)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    with running(tmp_path) as server:
        reply = _reply(server, sent)
        assert reply["status"] == "interrupted"
        assert len(reply["parts"][0]["text"]) > len(text) - 25 * len(" 1000")  # at most a second was lost


def test_large_bodies_are_refused_and_memory_stays_flat(server: Server) -> None:
    large = b'{"title": "' + b"x" * (50 * MB) + b'"}'
    before = server.memory()
    for _ in range(4):
        answer = server.http.post("/chats", content=large)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        answer = server.http.post("/chats", content=(large[i : i + MB] for i in range(0, len(large), MB)))
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert server.memory() - before < 16 * MB
    assert server.json("GET", "/chats")["items"] == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_compressed_bodies_are_refused(server: Server, encoding: str) -> None:
    bomb = zlib.compress(b"{" + b" " * (50 * MB) + b"}", wbits=31)
    before = server.memory()
    answer = server.http.post("/chats", content=bomb, headers={"Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")
    assert server.memory() - before < 16 * MB


def _handshake(server: Server) -> socket.socket:
    """Open a WebSocket by hand, so that nothing reads from it."""
    parts = urlsplit(server.url)
    assert parts.hostname
    connection = socket.create_connection((parts.hostname, parts.port or 80))
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        "GET /api/aichat/v1/ws HTTP/1.1", f"Host: {parts.netloc}", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Authorization: token {TOKEN}", "", "",
    )  # fmt: skip
    connection.sendall("\r\n".join(lines).encode())
    answer = b""
    while b'"hello"' not in answer:
        answer += connection.recv(65536)
    assert b" 101 " in answer
    return connection


def _write_text(connection: socket.socket, text: str) -> None:
    data = text.encode()
    assert len(data) < 126
    connection.sendall(bytes((0x81, 0x80 | len(data))) + bytes(4) + data)


def test_readers_that_do_not_read_cost_little_and_hinder_nobody(server: Server) -> None:
    runs = [_send(server, "code-3000")["run"]["id"] for _ in range(4)]
    readers = [_handshake(server) for _ in range(10)]
    before = server.memory()
    for connection in readers:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for run in runs:
            _write_text(connection, f'{{"type":"subscribe","run_id":"{run}"}}')
    begun = time.monotonic()
    server.http.get(f"/runs/{_send(server, 'counter')['run']['id']}/events")
    assert time.monotonic() - begun < 3
    for run in runs:
        server.http.get(f"/runs/{run}/events")
    assert server.memory() - before < 50 * MB  # what they did not read is 120 MB
    for connection in readers:
        connection.close()
    assert server.json("GET", "/me")["owner_id"] == "local"


def test_a_store_that_cannot_be_opened_is_told_and_tried_again(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("no directory")
    with running(tmp_path, f"--AIChatApp.store_url={blocked / 'chats.sqlite3'}") as server:
        answer = server.http.get("/chats")
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert answer.headers["Retry-After"] == str(answer.json()["details"]["retry_after"])
        ready = server.http.get("/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "down")
        health = server.json("GET", "/health")
        assert (health["status"], health["state"], health["code"]) == ("ok", "failed", "store_unavailable")
        assert str(blocked) not in ready.text + str(health)
        blocked.unlink()
        deadline = time.monotonic() + 15
        while server.http.get("/ready").status_code == 503 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert server.json("GET", "/chats")["items"] == []
        assert server.terminate() < 5


def test_providers_can_be_set_on_the_command_line(tmp_path: Path) -> None:
    with running(tmp_path, "--AIChatApp.default_model=echo", "--AIChatApp.local_owner=ada") as server:
        assert server.json("GET", "/models")["default"] == "echo"
        assert server.json("GET", "/me")["owner_id"] == "ada"
