"""What is secret is nowhere: unique words go in as passwords, prompts and tokens, all routes are driven, faults too, and
then everything that the service wrote and refused is searched.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from jupyter_aichat.server.routes import ROUTES
from tests.service_app.asking import COOKIE, fresh_name
from tests.service_app.process import Person, Service

FAULTS = """
from jupyter_aichat.auth.opaque import hash_of
from jupyter_aichat.engine.chats import Chats
from jupyter_aichat.engine.runs import Runs
from jupyter_aichat.stores.sqlite_accounts import SqliteAccounts


def broken(where, name, when):
    whole = getattr(where, name)

    async def method(self, *args, **kwargs):
        if when(*args, **kwargs):
            raise RuntimeError("a fault of the house")
        return await whole(self, *args, **kwargs)

    setattr(where, name, method)


broken(SqliteAccounts, "find_account", lambda name: name.startswith("fault"))
broken(SqliteAccounts, "create_token", lambda token, most: token.name == "fault")
broken(SqliteAccounts, "create_invitation", lambda invitation: invitation.roles == ("admin",))
broken(SqliteAccounts, "rotate", lambda session, rotation: rotation.attempt_hash == hash_of("fault"))
broken(SqliteAccounts, "change_account", lambda owner, changes, **kwargs: changes.display_name == "fault")
broken(Chats, "create", lambda owner, wanted: wanted.title.endswith("fault"))
broken(Runs, "send", lambda owner, send: send.model == "fault")
"""


def canary(kind: str) -> str:
    return f"canary-{kind}-{uuid4().hex}"


class Watched:
    """Asks, and keeps what was refused; what an answer has to tell goes to `told`."""

    def __init__(self, service: Service) -> None:
        self.service, self.refused, self.secrets = service, list[str](), list[str]()
        self.statuses: set[int] = set()
        self._client = service.client()
        self._client = service.client()

    def secret(self, kind: str) -> str:
        self.secrets.append(canary(kind))
        return self.secrets[-1]

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None, **kwargs: Any) -> Any:
        headers = {**kwargs.pop("headers", {}), **({} if token is None else {"Authorization": f"Bearer {token}"})}
        if body is not None:
            kwargs["json"] = body
        self._client.cookies.clear()
        answer = self._client.request(method, path, headers=headers, **kwargs)
        self.statuses.add(answer.status_code)
        if answer.status_code >= 400:
            self.refused.append(f"{answer.text} {dict(answer.headers)}")
            return {}
        found = answer.json() if answer.headers.get("Content-Type", "").startswith("application/json") else {}
        self.secrets += [
            found[each] for each in ("access_token", "refresh_token", "token", "invitation") if each in found
        ]
        if COOKIE in answer.cookies:
            self.secrets.append(answer.cookies[COOKIE])
        return found


@pytest.fixture(scope="module")
def service_arguments(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    faults = tmp_path_factory.mktemp("faults") / "faults.py"
    faults.write_text(FAULTS)
    return ("--AIChatApp.registration=invitation", "--log-level=DEBUG", f"--config={faults}")


def _come_and_go(watched: Watched, admin: Person) -> str:
    """All that has to do with coming in, right and wrong; returns an access token."""
    ask, name, password = watched.ask, fresh_name(), watched.secret("password")
    code = ask("POST", "/auth/invitations", {}, token=admin.token)["invitation"]
    wanted = {"username": name, "password": password, "invitation": code}
    wrong: list[dict[str, Any]] = [
        {"username": "fault"}, {"username": "a/b"}, {"password": watched.secret("long") * 3}, {"cookie": 1},
        {"invitation": watched.secret("invitation")}, {}, {"username": fresh_name()},
    ]  # fmt: skip
    for changes in wrong:
        ask("POST", "/auth/register", {**wanted, **changes})
    right = {"username": name, "password": password}
    wrong = [
        {"password": watched.secret("wrong")}, {"username": "fault"}, {"username": fresh_name()}, {"cookie": 1},
        {"password": [password]},
    ]  # fmt: skip
    for changes in wrong:
        ask("POST", "/auth/login", {**right, **changes})
    ask("POST", "/auth/login", content=json.dumps(right)[:-1], headers={"Content-Type": "application/json"})
    ask("POST", "/auth/login", right, headers={"Origin": "https://evil.example"})
    ask("POST", "/auth/login", {**right, "cookie": True})
    grant = ask("POST", "/auth/login", right)
    old = grant["refresh_token"]
    for body in ({"attempt": "fault"}, {"attempt": "\0"}, {"refresh_token": watched.secret("refresh")}):
        ask("POST", "/auth/refresh", {"refresh_token": old, **body})
    ask("POST", "/auth/refresh", {"refresh_token": old}, headers={"Cookie": f"{COOKIE}={old}"})
    ask("POST", "/auth/refresh", {}, headers={"Cookie": f"{COOKIE}={watched.secret('cookie')}"})
    ask("POST", "/auth/refresh", {"refresh_token": old})
    ask("POST", "/auth/refresh", {"refresh_token": old})  # a reuse: the session ends
    token: str = ask("POST", "/auth/login", right)["access_token"]
    for change in ({"password": watched.secret("wrong"), "new_password": password}, {"password": password, "new_password": "x"},
                   {"password": password, "new_password": watched.secret("new")[:60]}):  # fmt: skip
        ask("POST", "/auth/password", change, token=token)
    return token


def _own(watched: Watched, token: str) -> None:
    ask = watched.ask
    for name in ("fault", "script", ""):
        made = ask("POST", "/tokens", {"name": name}, token=token)
        if "token" in made:
            ask("GET", "/me", token=made["token"])
            ask("PATCH", "/me", {"display_name": "x"}, token=made["token"])
            ask("DELETE", f"/tokens/{made['id']}", token=token)
            ask("GET", "/me", token=made["token"])
    ask("PATCH", "/me", {"display_name": "fault"}, token=token)
    ask("PATCH", "/me", {"preferences": {"x": {"y": watched.secret("preference")}}}, token=token)
    ask("GET", "/me", token=watched.secret("bearer"))
    ask("GET", "/me", token="aichat_" + watched.secret("personal"))
    ask("GET", "/me", headers={"Authorization": f"Basic {watched.secret('basic')}"})
    ask("GET", f"/me?token={watched.secret('query')}&access_token={token}")
    for path in ("/sessions", "/tokens", "/me/export"):
        ask("GET", path, token=token)
    for path in ("", "/chats", "/runs", "/sessions", "/tokens", "/shared", "/nothing", "/chats/x/messages"):
        for pasted in (token, watched.secret("path"), f"{watched.secret('path')}.{'b' * 43}.c", "../" + token):
            for method in ("GET", "DELETE", "BREW"):
                ask(method, f"{path}/{pasted}", token=token)
    for outside in ("", "login/", "assets/", "shared/"):
        ask("GET", f"{watched.service.url}{outside}{watched.secret('page')}")
    ask("DELETE", "/me", {"password": watched.secret("wrong")}, token=token)


def _chat(watched: Watched, token: str) -> None:
    """Prompts and titles, taken and refused."""
    ask, prompt = watched.ask, watched.secret("prompt")
    chat = ask("POST", "/chats", {"title": watched.secret("title")}, token=token)["id"]
    ask("POST", "/chats", {"title": watched.secret("title") + " fault"}, token=token)
    for body in ({"text": prompt, "model": "fault"}, {"text": prompt, "model": "nosuch"}, {"text": [prompt]},
                 {"text": prompt, "options": {"temperature": prompt}}, {"text": prompt, "parent_id": "nosuch"},
                 {"text": prompt, "options": {"system": watched.secret("system")}, "model": "echo"},
                 {"parts": [{"type": prompt, "text": prompt}]}):  # fmt: skip
        sent = ask("POST", f"/chats/{chat}/messages", body, token=token)
        if "run" in sent:
            ask("GET", f"/runs/{sent['run']['id']}/events", token=token)
    ask("POST", f"/chats/{chat}/messages", content=json.dumps({"text": prompt})[:-1], token=token)
    share = ask("POST", f"/chats/{chat}/shares", {}, token=token)
    for link in (share["token"], watched.secret("link")):
        for end in ("", "/nothing"):
            ask("GET", f"/shared/{link}{end}", token=token)
            ask("GET", f"/shared/{link}{end}")
    ask("DELETE", f"/chats/{chat}/shares/{share['id']}", token=token)
    ask("GET", f"/shared/{share['token']}", token=token)


def _administer(watched: Watched, admin: Person) -> None:
    ask, token = watched.ask, admin.token
    user = ask("POST", "/admin/users", {"username": fresh_name(), "password": watched.secret("password")}, token=token)
    ask("POST", "/admin/users", {"username": "a/b", "password": watched.secret("password")}, token=token)
    ask("PATCH", f"/admin/users/{user['id']}", {"password": watched.secret("password")}, token=token)
    ask("PATCH", f"/admin/users/{user['id']}", {"password": watched.secret("long") * 3}, token=token)
    ask("POST", "/auth/invitations", {"roles": ["admin"]}, token=token)
    made = ask("POST", "/auth/invitations", {}, token=token)
    ask("DELETE", f"/auth/invitations/{made['id']}", token=token)
    ask("GET", "/admin/users", token=token)
    ask("DELETE", f"/admin/users/{user['id']}", token=token)


async def _over_a_socket(watched: Watched, token: str) -> None:
    socket = await watched.service.socket(token)
    prompt = watched.secret("frame")
    for frame in ({"type": "send", "id": 1, "text": prompt, "model": "echo"}, {"type": "send", "id": 2, "text": [prompt]},
                  {"type": prompt}, {"type": "send", "id": 3, "text": prompt, "model": "fault"},
                  {"type": "stop", "id": 4, "run_id": "nosuch"}):  # fmt: skip
        await socket.write(frame)
    await socket.write(f'{{"type": "send", "text": "{prompt}')
    await socket.write({"type": "ping", "id": 5})
    while (frame := await socket.frame())["type"] != "pong":
        if frame["type"] == "error":
            watched.refused.append(json.dumps(frame))
    socket.connection.close()


def _files(service: Service) -> dict[str, bytes]:
    folder = Path(service.store_url.removeprefix("sqlite://")).parent
    return {path.name: path.read_bytes() for path in folder.glob("chats.sqlite3*")}


async def test_what_is_secret_is_nowhere(service: Service, admin: Person) -> None:
    watched = Watched(service)
    token = _come_and_go(watched, admin)
    _own(watched, token)
    _chat(watched, token)
    _administer(watched, admin)
    await _over_a_socket(watched, token)
    watched.ask("POST", "/auth/logout", token=token)
    for route in ROUTES:  # all others: nobody's, then an administrator's, with nothing that fits
        for method in route.verbs:
            for who in (None, watched.secrets[0], admin.token):
                if not (who == admin.token and route.path in ("/events", "/ws", "/auth/logout_all", "/auth/logout")):
                    watched.ask(
                        method.upper(),
                        route.path.replace("{", "").replace("}", ""),
                        {"x": watched.secret("x")},
                        token=who,
                    )
    assert {200, 201, 204, 400, 401, 403, 404, 500} <= watched.statuses
    secrets = {*watched.secrets, *(each.rsplit(".", 1)[-1] for each in watched.secrets if "." in each)}
    metrics = admin.http.get("/metrics").text
    log, audit = service.log.read_text(), json.dumps(admin.json("GET", "/admin/audit?limit=200"))
    assert "a fault of the house" in log
    assert "login_failed" in audit
    assert "aichat" in metrics
    assert "token_reused" in audit
    for where, text in {"log": log, "audit": audit, "metrics": metrics, "refusals": "\n".join(watched.refused)}.items():
        assert [each for each in secrets if each in text] == [], where
    assert "a fault of the house" not in "\n".join(watched.refused)
    with contextlib.closing(sqlite3.connect(service.store_url.removeprefix("sqlite://"))) as db:
        tables = ("accounts", "sessions", "tokens", "invitations", "audit", "marks")
        kept = repr([db.execute(f"SELECT * FROM {table}").fetchall() for table in tables])
    assert [each for each in secrets if each in kept] == []
