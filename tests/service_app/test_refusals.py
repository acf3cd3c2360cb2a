"""Who is not let in is always told so, also in the middle of sending, and by clients that keep their connections."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

import pytest

from tests.service_app.process import Service

SLOW_S = 0.2


@pytest.mark.parametrize(("path", "status"), [("/chats", 401), ("/nowhere", 404), ("/shared/x", 403)])
def test_a_refusal_is_heard_by_who_is_still_sending(service: Service, path: str, status: int) -> None:
    """The rest of the body comes after the refusal could have gone out: a connection that was closed would be reset."""
    address, body = urlsplit(service.base), b"x" * 300_000
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        head = f"POST {address.path}{path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[:1])
        time.sleep(SLOW_S)
        connection.sendall(body[1:])
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("path", ["/chats", "/nowhere"])
def test_clients_that_keep_connections_do_not_stumble(service: Service, path: str) -> None:
    client = service.client("made-up")
    for _ in range(20):
        assert client.post(path, json={"title": "x"}).status_code in (401, 404)
