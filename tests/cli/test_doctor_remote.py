"""The doctor of a server that forwards to a service, and services that are well, ill, or none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jupyter_aichat._version import __version__
from tests.cli.conftest import Run

BASE = "/api/aichat/v1"
TOKEN = "a-good-token"
HEALTHY = {"status": "ok", "state": "ready", "code": None, "version": __version__}


class Fake:
    """Answers what it is told to."""

    health: Any = HEALTHY
    status = 200
    url = ""


@pytest.fixture
def service() -> Iterator[Fake]:
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == f"{BASE}/health":
                status, body = fake.status, fake.health
            else:
                known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                status, body = (200, {"name": "ada"}) if known else (401, {"code": "unauthenticated"})
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        yield fake
        server.shutdown()
        thread.join()


def look(run: Run, url: str, *arguments: str) -> dict[str, tuple[str, str]]:
    rows = run("doctor", "--json", f"--RemoteMode.service_url={url}", *arguments).rows
    return {row["part"]: (row["level"], f"{row['what']} {row['todo']}") for row in rows}


def test_a_service_that_lets_us_in(run: Run, service: Fake) -> None:
    found = look(run, service.url, f"--RemoteMode.token={TOKEN}")
    assert (found["remote"][0], found["token"][0]) == ("ok", "ok")
    assert __version__ in found["remote"][1]
    assert "ada" in found["token"][1]
    assert {"extension", "lab", "kernel"} <= set(found)
    assert not {"store", "secret", "models", "redis", "front"} & set(found)


def test_tokens_that_are_wrong_missing_or_open_to_others(run: Run, service: Fake, own_folders: Path) -> None:
    assert look(run, service.url, "--RemoteMode.token=another")["token"][0] == "fail"
    assert "no token" in look(run, service.url)["token"][1]
    (own_folders / "token").write_text(TOKEN)
    (own_folders / "token").chmod(0o644)
    assert "chmod 600" in look(run, service.url, "--RemoteMode.token_file=token")["token"][1]
    (own_folders / "token").chmod(0o600)
    assert look(run, service.url, "--RemoteMode.token_file=token")["token"][0] == "ok"


@pytest.mark.parametrize(
    ("health", "status", "level", "words"),
    [
        ("<html>Welcome</html>", 200, "fail", "no chat service"),
        ({"status": "ok"}, 404, "fail", "no chat service"),
        ({**HEALTHY, "state": "failed", "code": "store_unavailable"}, 200, "fail", "store_unavailable"),
        ({**HEALTHY, "version": "99.1.0"}, 200, "warn", "99.1.0"),
    ],
)
def test_what_is_no_service_or_an_ill_one(
    run: Run, service: Fake, health: Any, status: int, level: str, words: str
) -> None:
    service.health, service.status = health, status
    found = look(run, service.url, f"--RemoteMode.token={TOKEN}")
    assert found["remote"][0] == level
    assert words in found["remote"][1]
    assert ("token" in found) == (level != "fail")


def test_nobody_there_and_no_address(run: Run) -> None:
    assert "does not answer" in look(run, "http://127.0.0.1:9")["remote"][1]
    assert "not encrypted" in look(run, "http://chat.example.org")["remote"][1]
    assert look(run, "nonsense")["remote"][0] == "fail"
