"""Clients that are slow, many or large, as raw connections; other people are served meanwhile."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import psutil
import pytest

from tests.service_app.process import Person, Service

IDLE_S, BODY_S, MOST = 1.0, 1.5, 60
LARGE = 50_000_000
MOST_GROWTH = 64 * 1024 * 1024


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    bounds = {"idle_s": IDLE_S, "body_s": BODY_S, "address_connections": MOST}
    return tuple(f"--AIChatService.{name}={value}" for name, value in bounds.items())


@contextmanager
def connected(service: Service) -> Iterator[socket.socket]:
    parts = urlsplit(service.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as found:
        yield found


def closed_after(found: socket.socket, drop: bytes = b"") -> tuple[float, bytes]:
    """Wait until the other end closes, sending a byte now and then; return how long it took, and what it said."""
    begun, said = time.monotonic(), b""
    found.settimeout(0.1)
    while time.monotonic() - begun < 15:
        try:
            if not (data := found.recv(65536)):
                return time.monotonic() - begun, said
            said += data
        except TimeoutError:
            pass
        except ConnectionError:
            return time.monotonic() - begun, said
        try:
            found.sendall(drop)
        except ConnectionError:
            return time.monotonic() - begun, said
    raise AssertionError(f"the connection was never closed: {said!r}")


def test_who_says_nothing_is_let_go(service: Service) -> None:
    with connected(service) as found:
        assert closed_after(found)[0] < IDLE_S + 2


def test_headers_by_the_byte_end_in_time(service: Service) -> None:
    with connected(service) as found:
        found.sendall(b"GET /api/aichat/v1/health HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert closed_after(found, b"a")[0] < IDLE_S + 2


def test_an_idle_connection_is_let_go_after_its_request(service: Service) -> None:
    with connected(service) as found:
        found.sendall(b"GET /api/aichat/v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
        spent, said = closed_after(found)
        assert said.startswith(b"HTTP/1.1 200")
        assert IDLE_S / 2 < spent < IDLE_S + 2


@pytest.mark.parametrize("path", ["/api/aichat/v1/chats", "/api/aichat/v1/nowhere", "/nowhere"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_a_body_by_the_byte_ends_in_time(service: Service, ada: Person, path: str, known: bool) -> None:
    credential = f"Authorization: Bearer {ada.token}\r\n" if known else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\n{credential}Content-Length: 1000\r\nContent-Type: application/json\r\n\r\n"
    )
    with connected(service) as found:
        found.sendall(head.encode() + b"{")
        assert closed_after(found, b" ")[0] < BODY_S + 2


def test_an_answer_in_the_making_is_no_idle_connection(ada: Person) -> None:
    sent = ada.send("counter-40-2")
    with ada.http.stream("GET", f"/runs/{sent['run']['id']}/events") as stream:
        assert stream.read().count(b"run_finished") == 1
    with ada.http.stream("GET", "/events") as stream:  # nothing comes for longer than either bound
        lines, until = stream.iter_raw(), time.monotonic() + BODY_S + 1
        ada.json("POST", "/chats", {})
        assert b"chat_changed" in next(each for each in lines if b"data" in each and b"hello" not in each)
        time.sleep(max(until - time.monotonic(), 0))
        ada.json("POST", "/chats", {})
        assert b"chat_changed" in next(each for each in lines if b"data" in each and b"hello" not in each)


@pytest.mark.parametrize(
    "head",
    [
        b"X-Long: " + b"a" * 100_000, b"\r\n".join(b"X-%d: a" % n for n in range(20_000)), b"Content-Length: -1",
        b"Content-Length: 1, 2", b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked",
        b"Content-Length: 99999999999999999999999999", b"X: \x00", b" folded: x", b"No colon",
    ],
    ids=["long", "many", "negative", "two", "both", "gzip", "huge", "NUL", "folded", "no-colon"],
)  # fmt: skip
def test_headers_that_are_none_are_refused(service: Service, head: bytes) -> None:
    with connected(service) as found:
        found.sendall(b"POST /api/aichat/v1/chats HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
        _, said = closed_after(found)
        assert said == b"" or said.split()[1][:1] == b"4"
    assert service.http.get("/health").status_code == 200


def _pieces(size: int) -> Iterator[bytes]:
    piece = b"a" * 65536
    for _ in range(size // len(piece)):
        yield piece


def test_large_bodies_cost_no_memory(service: Service, ada: Person, admin: Person) -> None:
    import httpx

    process = psutil.Process(service.process.pid)
    before = most = process.memory_info().rss
    for client in (ada.http, service.http):
        for path in (
            f"{service.base}/chats",
            f"{service.base}/nowhere",
            f"{service.url}nowhere",
            service.url,
            f"{service.base}/me",
        ):
            for sized in (True, False):
                headers = {"Content-Length": str(LARGE // 65536 * 65536)} if sized else {}
                try:
                    answer = client.post(path, content=_pieces(LARGE), headers=headers)
                    assert answer.status_code in (400, 401, 404, 405, 413), path
                except httpx.TransportError:
                    pass  # it was closed while we were still sending
                most = max(most, process.memory_info().rss)
    assert most - before < MOST_GROWTH
    assert ada.http.get("/me").status_code == 200


def test_what_is_too_large_is_said_to_be(ada: Person) -> None:
    answer = ada.http.post("/chats", content=b"{" + b" " * LARGE)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    chunked = ada.http.post("/chats", content=_pieces(2_000_000))
    assert (chunked.status_code, chunked.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "GZIP", "x"])
def test_compressed_bodies_are_refused_unread(service: Service, ada: Person, encoding: str) -> None:
    bomb = gzip.compress(b"0" * 100_000_000, 9)
    before = psutil.Process(service.process.pid).memory_info().rss
    answer = ada.http.post("/chats", content=bomb, headers={"Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")
    assert psutil.Process(service.process.pid).memory_info().rss - before < MOST_GROWTH


def test_one_address_cannot_take_all_connections(service: Service) -> None:
    with ExitStack() as stack:
        many = [stack.enter_context(connected(service)) for _ in range(MOST + 20)]
        time.sleep(0.3)
        refused = 0
        for each in many:
            each.settimeout(0.01)
            try:
                refused += each.recv(1) == b""
            except TimeoutError:
                pass
            except ConnectionError:
                refused += 1
        assert refused >= 20
    assert service.http.get("/health").status_code == 200
    assert "Connections are refused" in service.log.read_text()
