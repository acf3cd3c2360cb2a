"""The service behind HAProxy, with the configuration that operators are given."""

from __future__ import annotations

import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests import redis_server
from tests.conftest import IN_CI
from tests.deploy import haproxy
from tests.server.client import Socket, counted
from tests.service.cluster import View
from tests.service_app.process import Person
from tests.service_app.process import running as service_running

pytestmark = pytest.mark.skipif(
    not IN_CI and haproxy.binary() is None, reason="HAProxy is not installed (Debian: haproxy)"
)
MODEL = "counter-40-20"


@dataclass
class Site:
    """What people see of it."""

    url: str
    plain: str
    trusted: ssl.SSLContext
    folder: Path
    ada: Person

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=f"{self.url}/api/aichat/v1", verify=self.trusted, timeout=20, headers=headers)

    def adas(self) -> httpx.Client:
        return self.client(Authorization=f"Bearer {self.ada.token}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One replica that runs, and one that does not."""
    folder = tmp_path_factory.mktemp("haproxy")
    plain, tls, nobody = (redis_server.free_port() for _ in range(3))
    arguments = (f"--ScriptedProvider.names={MODEL}", "--AIChatApp.trusted_proxies=127.0.0.1", "--Passwords.cost=4")
    with ExitStack() as stack:
        service = stack.enter_context(service_running(folder / "service", *arguments))
        replicas = [urlsplit(service.url).port or 0, nobody]
        shown = stack.enter_context(haproxy.running(folder, plain, tls, replicas))
        trusted = ssl.create_default_context(cafile=str(shown))
        yield Site(f"https://localhost:{tls}", f"http://localhost:{plain}", trusted, folder, service.person("Ada"))


def test_haproxy_takes_it_without_a_warning(tmp_path: Path) -> None:
    text = haproxy.certified(haproxy.CONFIGURATION.read_text(), tmp_path)
    (tmp_path / "aichat.cfg").write_text(
        text.replace("aichat-1:8790", "192.0.2.1:8790").replace("aichat-2:8790", "192.0.2.2:8790")
    )
    command = [haproxy.binary() or "haproxy", "-c", "-dW", "-f", str(tmp_path / "aichat.cfg")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_plain_requests_are_sent_to_tls(site: Site) -> None:
    answer = httpx.get(f"{site.plain}/shared/x?y=z")
    assert (answer.status_code, urlsplit(answer.headers["Location"]).scheme) == (308, "https")


def test_the_site_speaks_http_2(site: Site) -> None:
    command = [
        "curl",
        "--silent",
        "--http2",
        "--cacert",
        str(site.folder / "fullchain.pem"),
        "--write-out",
        "%{http_version}",
    ]
    said = subprocess.run([*command, f"{site.url}/api/aichat/v1/health"], capture_output=True, check=True).stdout
    assert said.endswith(b"}2")


def test_a_client_does_not_choose_its_own_address(site: Site) -> None:
    """What it says of itself is not passed on; and the service knows of TLS, for its cookie."""
    body = {"username": "Ada", "password": site.ada.password, "cookie": True}
    told = {"X-Forwarded-For": "192.0.2.99", "X-Forwarded-Proto": "http"}
    with site.client() as client:
        answer = client.post("/auth/login", json=body, headers=told)
        assert answer.status_code == 200
        assert "; Secure" in answer.headers["Set-Cookie"]
        logged_in = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        sessions = client.get("/sessions", headers=logged_in).json()["items"]
    assert {each["address"] for each in sessions if each["current"]} == {"127.0.0.1"}


def test_an_answer_comes_as_it_grows(site: Site) -> None:
    with site.adas() as client:
        chat = client.post("/chats", json={}).json()["id"]
        sent = client.post(f"/chats/{chat}/messages", json={"text": "Count.", "model": MODEL}).json()
        view, grown = View(), []
        with client.stream("GET", f"/runs/{sent['run']['id']}/events") as answer:
            assert "Content-Encoding" not in answer.headers
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    view.see(json.loads(line[5:]))
                    grown.append((len(view.text), time.monotonic()))
    assert view.text == counted(40)
    began = next(at for length, at in grown if length)
    assert grown[-1][1] - began > 0.5, "it came all at once"


async def test_sockets_ask_for_their_origin_at_the_site(site: Site) -> None:
    for origin, allowed in ((site.url, True), ("https://evil.example", False)):
        request = HTTPRequest(
            f"{site.url.replace('http', 'ws', 1)}/api/aichat/v1/ws",
            headers={"Origin": origin},
            ssl_options=site.trusted,
        )
        connecting = websocket_connect(request, subprotocols=["aichat.v1", f"jwt.{site.ada.token}"])
        if allowed:
            socket = Socket(await connecting)
            assert (await socket.frame())["type"] == "hello"
            socket.connection.close()
        else:
            with pytest.raises(Exception, match="403"):
                await connecting


def test_links_to_shared_chats_are_not_logged(site: Site) -> None:
    with site.client() as client:
        client.get("/shared/very-secret-link/events?after=also-secret")
    log = site.folder / "haproxy.log"
    deadline = time.monotonic() + 10
    while "/shared/-/events" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "/shared/-/events" in log.read_text()
    assert "secret" not in log.read_text()


def test_while_no_replica_answers_haproxy_says_so_as_the_service_would(tmp_path: Path) -> None:
    plain, tls, nobody = (redis_server.free_port() for _ in range(3))
    with haproxy.running(tmp_path, plain, tls, [nobody]) as shown:
        trusted = ssl.create_default_context(cafile=str(shown))
        answer = httpx.get(f"https://localhost:{tls}/api/aichat/v1/me", verify=trusted)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json() | {"message": ""} == {"code": "not_ready", "message": "", "details": {"retry_after": 1}}
