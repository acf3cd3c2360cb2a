"""Notebooks under a Jupyter server in remote mode: `%%chat` asks the service, and the token stays where it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from jupyter_aichat.auth.scopes import READ, WRITE
from tests.kernel.kernels import Kernel, lone_kernel, served_kernel
from tests.kernel.test_widget import Panel
from tests.remote.conftest import running_service
from tests.server.client import counted
from tests.server.process import Server, running
from tests.service_app.process import Person, Service


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, service: Service, token: str) -> Iterator[Server]:
    """The person's own; containers tell it the token by the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AICHAT_SERVICE_URL", service.url)
        patch.setenv("AICHAT_SERVICE_TOKEN", token)
        with running(tmp_path_factory.mktemp("jupyter")) as server:
            patch.undo()
            yield server


@pytest.fixture(scope="module")
def kernel(server: Server) -> Iterator[Kernel]:
    with served_kernel(server) as kernel:
        yield kernel


def test_a_cell_asks_the_service(kernel: Kernel, server: Server, ada: Person) -> None:
    done = kernel.run("%%chat --chat new\nCount.")
    assert (done.status, done.errors) == ("ok", [])
    assert done.answer == counted(40)
    (chat,) = ada.json("GET", "/chats?q=Count.")["items"]
    assert chat["title"] == "Count."
    assert server.url.rstrip("/") in kernel.run("%chat").printed


def test_the_widget_asks_the_service(kernel: Kernel, ada: Person) -> None:
    panel = Panel(kernel)
    ack = panel.ask({"type": "send", "id": "1", "text": "From the widget", "model": "echo"})
    assert panel.ended(ack["run"]["id"])["state"] == "completed"
    assert panel.text(ack["run"]["id"]) == "From the widget"
    assert ada.json("GET", f"/chats/{ack['chat_id']}")["title"] == "From the widget"


def test_the_token_is_nowhere_to_be_seen(kernel: Kernel, server: Server, service: Service, token: str) -> None:
    secret = max(re.split(r"\W|_", token), key=len)
    assert len(secret) >= 20
    environment = kernel.value("dict(__import__('os').environ)")
    assert "AICHAT_SERVICE_TOKEN" not in environment
    assert environment["AICHAT_SERVICE_URL"] == service.url
    seen = [json.dumps(environment), json.dumps(kernel.messages), server.log.read_text(), service.log.read_text()]
    for path in ("/me", "/health", "/ready", "/models", "/chats", "/chats/none", "/nowhere"):
        answer = server.http.get(path)
        seen += [answer.text, str(answer.headers)]
    for found in ("api/status", "api/me", "api/kernels", "api/terminals", "api/spec.yaml"):
        seen.append(server.http.get(f"{server.url}{found}").text)
    assert not [text[:200] for text in seen if secret in text]
    assert list(server.log.parent.rglob("chats.sqlite3*")) == []  # no store of its own


def test_a_kernel_keeps_no_chats_of_its_own_where_a_service_does(tmp_path: Path) -> None:
    with lone_kernel(tmp_path, AICHAT_SERVICE_URL="https://chat.example.org") as (kernel, _):
        done = kernel.run("%chat hello")
        assert done.status == "error"
        assert "https://chat.example.org" in "".join(done.errors)
        assert not (tmp_path / "chats.sqlite3").exists()


def test_a_kernel_on_its_own_heeds_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    configuration = "c.RemoteMode.service_url = 'https://chat.example.org'\n"
    (tmp_path / "config" / "jupyter_server_config.py").write_text(configuration)
    with lone_kernel(tmp_path) as (kernel, _):
        done = kernel.run("%chat hello")
        assert "https://chat.example.org" in "".join(done.errors)
        assert not (tmp_path / "chats.sqlite3").exists()


def test_a_killed_service_is_told_in_the_cell_and_found_again(tmp_path: Path) -> None:
    with ExitStack() as first:
        service = first.enter_context(running_service(tmp_path / "service"))
        token = service.personal_token(service.person("Ada"), READ, WRITE)
        token_file = tmp_path / "token"
        token_file.write_text(f"{token}\n")
        token_file.chmod(0o600)
        arguments = (f"--RemoteMode.service_url={service.url}", f"--RemoteMode.token_file={token_file}")
        (tmp_path / "jupyter").mkdir()
        with running(tmp_path / "jupyter", *arguments) as server, served_kernel(server) as kernel:
            done = kernel.run("%chat Count.")
            assert done.answer == counted(40), done.errors
            first.close()
            done = kernel.run("%chat Count.")
            assert done.status == "error"
            assert f"The chat service at {service.url.rstrip('/')} does not answer." in "".join(done.errors)
            port = urlsplit(service.url).port
            with running_service(tmp_path / "service", f"--port={port}", secret=service.secret):
                done = kernel.run("%chat Count.")
                assert done.answer == counted(40), done.errors
                token_file.write_text("pat_wrong")
                assert server.json("GET", "/me")["name"] == "Ada"  # still the one that was read
