"""The command line beside a service that runs: what an operator does there holds in it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from jupyter_aichat.auth.opaque import INVITATION
from tests.service_app.process import PASSWORD, Person, Service, surroundings

MOST_S = 2.0

Command = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def command(service: Service) -> Command:
    """Run a command on the service's store; return what it wrote as JSON."""

    def command(*words: str, stdin: str = "", json_: bool = True) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "jupyter_aichat", *words, *(("--json",) if json_ else ()), "--Passwords.cost=4"],
            env={**surroundings(service.log.parent), "AICHAT_STORE_URL": service.store_url},
            input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()] if json_ else []

    return command


def out_within(person: Person, since: float) -> float:
    """Return after how many seconds a person was let in no more."""
    while (answer := person.http.get("/me")).status_code == 200:
        assert time.monotonic() - since < 10, "is still let in"
        time.sleep(0.02)
    assert answer.status_code == 401
    return time.monotonic() - since


def test_who_is_disabled_is_out_within_two_seconds(service: Service, command: Command) -> None:
    mallory = service.person("Mallory")
    token = service.personal_token(mallory, "chats:read")
    command("users", "disable", "mallory")
    assert out_within(mallory, time.monotonic()) < MOST_S
    assert service.client(token).get("/chats").status_code == 401
    command("users", "enable", "mallory")
    assert service.login("Mallory", mallory.owner_id).http.get("/me").status_code == 200
    assert mallory.http.get("/me").status_code == 401  # that session has ended for good


async def test_an_open_socket_of_who_is_disabled_closes_within_two_seconds(service: Service, command: Command) -> None:
    oscar = await asyncio.to_thread(service.person, "Oscar")
    socket = await service.socket(oscar.token)
    assert (await socket.frame())["type"] == "hello"
    await asyncio.to_thread(command, "users", "disable", "Oscar")
    async with asyncio.timeout(MOST_S):
        with pytest.raises(ConnectionError):
            while True:
                await socket.frame()
    assert socket.connection.close_code == 4403


def test_roles_hold_within_two_seconds(service: Service, command: Command) -> None:
    grace = service.person("Grace")
    assert "admin" not in grace.json("GET", "/me")["scopes"]
    command("users", "roles", "Grace", "user,admin")
    since = time.monotonic()
    while "admin" not in grace.json("GET", "/me")["scopes"]:
        assert time.monotonic() - since < MOST_S
        time.sleep(0.02)


def test_a_session_that_is_ended_is_out_and_others_stay(service: Service, command: Command) -> None:
    heidi = service.person("Heidi")
    other = service.login("Heidi", heidi.owner_id)
    listed = {row["id"] for row in command("sessions", "list", "Heidi")}
    assert listed == {heidi.session_id, other.session_id}
    command("sessions", "end", "Heidi", heidi.session_id)
    assert out_within(heidi, time.monotonic()) < MOST_S
    assert other.http.get("/me").status_code == 200
    command("sessions", "end", "Heidi")
    assert out_within(other, time.monotonic()) < MOST_S


def test_who_is_deleted_is_gone_with_all_chats(service: Service, command: Command) -> None:
    ivan = service.person("Ivan")
    sent = ivan.send("endless-20")
    command("users", "delete", "Ivan", "-y")
    assert out_within(ivan, time.monotonic()) < MOST_S
    assert all(row["name"] != "Ivan" for row in command("users", "list"))
    # Nothing of the answer that was being written comes back.
    again = service.person("Ivan")
    assert again.json("GET", "/chats")["items"] == []
    assert again.http.get(f"/runs/{sent['run']['id']}").status_code == 404


def test_an_account_of_the_command_line_logs_in(service: Service, command: Command) -> None:
    (made,) = command("users", "create", "Judy", "--password-stdin", stdin=f"{PASSWORD}\n")
    judy = service.login("Judy", made["id"])
    assert judy.json("GET", "/me")["name"] == "Judy"
    assert command("users", "invite")[0]["code"].startswith(INVITATION)


def test_the_audit_shows_what_the_service_wrote(service: Service, command: Command) -> None:
    service.person("Kim")
    actions = [row["action"] for row in command("audit", "--user=Kim")]
    assert actions[:2] == ["account_created", "login"]


def test_it_is_served_by_the_command(service: Service, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("served")
    command = [
        sys.executable, "-m", "jupyter_aichat", "serve", "--port=0", f"--AIChatApp.secret_file={service.log.parent / 'secret'}",
        f"--AIChatApp.store_url={service.store_url}", "--OllamaProvider.url=http://127.0.0.1:9",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=surroundings(folder), stdout=log, stderr=log)
    try:
        runtime, deadline = folder / "runtime", time.monotonic() + 40
        while not (found := list(runtime.glob("*.json"))) or not found[0].read_text():
            assert time.monotonic() < deadline, (folder / "log").read_text()
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        url = json.loads(found[0].read_text())["url"]
        assert httpx.get(f"{url}api/aichat/v1/health", timeout=20).status_code == 200
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
