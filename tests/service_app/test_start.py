"""How the service starts, refuses to start, and stops; and that nothing of Jupyter's is served."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from jupyter_aichat.auth.keys import new_secret
from tests.service_app.process import Person, Service, running, surroundings

EX_CONFIG = 78


def test_it_is_ready_and_tells_nobody_more(service: Service) -> None:
    ready = service.http.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")  # there is no Ollama
    assert service.http.get("/health").json()["state"] == "ready"
    me = service.http.get("/me")
    assert (me.status_code, me.json()["code"], me.headers["WWW-Authenticate"]) == (401, "unauthenticated", "Bearer")


def test_who_has_an_account_is_known(service: Service, ada: Person) -> None:
    me = ada.json("GET", "/me")
    assert (me["owner_id"], me["name"], me["roles"]) == (ada.owner_id, "Ada", ["user"])
    assert me["scopes"] == ["chats:read", "chats:write", "account"]


def test_people_have_chats_of_their_own(ada: Person, eve: Person) -> None:
    chat = ada.json("POST", "/chats", {"title": "Ada's"})
    assert eve.http.get(f"/chats/{chat['id']}").status_code == 404
    assert chat["id"] not in eve.http.get("/chats").text


@pytest.mark.parametrize(
    "path",
    ["api", "api/contents", "api/kernels", "api/kernelspecs", "api/sessions", "api/terminals", "api/me", "api/status",
     "api/config/notebook", "api/events/subscribe", "api/shutdown", "api/security/csp-report", "files/secret", "view/secret",
     "nbconvert/html/x", "static/favicon.ico", "metrics", "logout", "favicon.ico", "lsp/status", "lab",
     "aichat-unknown"],
)  # fmt: skip
def test_nothing_of_jupyter_is_served(service: Service, admin: Person, path: str) -> None:
    for method in ("GET", "POST"):
        for client in (service.http, admin.http):
            answer = client.request(method, f"{service.url}{path}")
            assert answer.status_code == 404, (method, path)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_paths_that_are_nobodys_are_not_found(service: Service, ada: Person, method: str) -> None:
    for client in (service.http, ada.http):
        answer = client.request(method, "/nowhere")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def _start(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "jupyter_aichat", "serve", *arguments]
    found = subprocess.run(
        command, env={**surroundings(folder), **environment}, capture_output=True, text=True, timeout=40, check=False
    )
    return found.returncode, found.stderr


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (None, "needs a secret"),
        ("changeme-changeme-changeme-changeme", "can be guessed"),
    ],
)
def test_without_a_good_secret_it_does_not_start(tmp_path: Path, secret: str | None, said: str) -> None:
    file = tmp_path / "secret"
    arguments = [f"--AIChatApp.store_url={tmp_path / 'chats.sqlite3'}"]
    if secret is not None:
        file.write_text(secret)
        arguments.append(f"--AIChatApp.secret_file={file}")
    code, told = _start(tmp_path, *arguments)
    assert code == EX_CONFIG, told
    assert said in told
    assert "Traceback" not in told
    assert not (tmp_path / "chats.sqlite3").exists()


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--AIChatApp.store_url=mysql://db", "store_url"),
        ("--roles=cook", "the roles are api, worker"),
        ("--roles=worker", "which share it over MongoDB and Redis"),
        ("--AIChatApp.trusted_proxies=10.0.0.1/8", "trusted_proxies"),
        ('--Quotas.rules={"tokens_per_week": 1}', "Quotas.rules"),
        ('--Retention.days_by_group={"a": 1, "A": 2}', "a group twice"),
        ("--certfile={folder}/secret", "no certificate with its key in"),
        ("--sock=/nowhere/socket", "cannot listen on /nowhere/socket: No such file"),
        ("--port={taken}", "cannot listen on port {taken} of localhost: Address already in use"),
        ("--port=65536", "no port 65536"),
        ("--HubMode.service_name=aichat", "set HubMode.api_url or JUPYTERHUB_API_URL"),
    ],
)
def test_what_is_set_wrong_is_told_at_the_start(tmp_path: Path, argument: str, said: str) -> None:
    (tmp_path / "secret").write_text(new_secret())
    with socket.create_server(("localhost", 0)) as other:
        told_of = {"folder": str(tmp_path), "taken": str(other.getsockname()[1])}
        for name, value in told_of.items():
            argument, said = (text.replace(f"{{{name}}}", value) for text in (argument, said))
        code, told = _start(tmp_path, argument, AICHAT_SECRET_FILE=str(tmp_path / "secret"))
    assert code == EX_CONFIG, told
    assert said in told
    assert "Traceback" not in told


def test_it_listens_on_a_unix_socket(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(new_secret())
    place = tmp_path / "http"
    command = [sys.executable, "-m", "jupyter_aichat", "serve", f"--sock={place}", f"--secret-file={tmp_path}/secret"]
    with (
        subprocess.Popen([*command, f"--store-url={tmp_path}/chats.sqlite3"], env=surroundings(tmp_path)) as process,
        httpx.Client(transport=httpx.HTTPTransport(uds=str(place)), base_url="http://localhost") as client,
    ):
        while not place.exists() and process.poll() is None:
            time.sleep(0.05)
        health = client.get("/api/aichat/v1/health").json()
        process.terminate()
    assert health["status"] == "ok"
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """Also where a second signal follows at once, as a supervisor sends them."""
    with running(tmp_path, "--ScriptedProvider.names=endless-20") as service:
        ada = service.person("Ada")
        sent = ada.send("endless-20")
        service.process.send_signal(number)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == 0, service.log.read_text()
        assert "Traceback" not in service.log.read_text()
    with sqlite3.connect(f"file:{tmp_path / 'chats.sqlite3'}?mode=ro", uri=True) as database:
        (state,) = database.execute("select state from runs where id = ?", (sent["run"]["id"],)).fetchone()
    assert state == "interrupted"
