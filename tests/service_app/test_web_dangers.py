"""What is dangerous on the open web: other sites' pages, what answers may do in a browser, tokens in addresses."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.service_app.process import Person, Service, running, surroundings

TRUSTED = "https://trusted.example"
OTHERS = (
    "https://trusted.example.evil.example", "https://eviltrusted.example", "http://trusted.example",
    "https://trusted.example:8443", "https://trusted.example/", "https://sub.trusted.example", "null", "", "*",
    "https://evil.example", "file://", "https://trusted.example, https://evil.example", "https://trusted.example@evil.example",
)  # fmt: skip
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    return (
        f"--AIChatApp.allowed_origins={TRUSTED}",
        "--ServerApp.allow_origin=*",
        "--ServerApp.allow_credentials=True",
    )


def cors(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower().startswith("access-control-")}


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_trusted_page_may_read_answers_also_those_that_refuse(service: Service, ada: Person, method: str) -> None:
    headers = {"Origin": TRUSTED, **(PREFLIGHT if method == "OPTIONS" else {})}
    for client in (service.http, ada.http):
        answer = client.request(method, "/chats", headers=headers, json={} if method == "POST" else None)
        assert answer.status_code < 300 or client is service.http
        assert answer.headers["Access-Control-Allow-Origin"] == TRUSTED
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        if method == "OPTIONS":
            allowed = answer.headers["Access-Control-Allow-Headers"].lower()
            assert all(name in allowed for name in ("authorization", "content-type", "idempotency-key"))
            assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("origin", OTHERS)
def test_no_other_page_may_read_answers(service: Service, ada: Person, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = ada.http.request(method, "/chats", headers={"Origin": origin, **PREFLIGHT})
        assert cors(answer) == {}
        assert "Origin" in answer.headers["Vary"]


def test_two_origins_are_none(service: Service, ada: Person) -> None:
    answer = ada.http.get("/chats", headers=[("Origin", TRUSTED), ("Origin", "https://evil.example")])
    assert cors(answer) == {}


async def test_a_trusted_page_may_open_a_socket(service: Service, ada: Person) -> None:
    socket = await service.socket(ada.token, Origin=TRUSTED)
    assert (await socket.frame())["type"] == "hello"
    socket.connection.close()


@pytest.mark.parametrize("origin", OTHERS)
def test_no_other_page_may_open_a_socket(service: Service, ada: Person, origin: str) -> None:
    headers = {
        "Origin": origin, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    assert ada.http.get("/ws", headers=headers).status_code == 403


PAGES = (
    "api/aichat/v1/health",
    "api/aichat/v1/me",
    "api/aichat/v1/nowhere",
    "",
    "login",
    "nowhere/at/all",
    "assets/nothing.js",
)


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_is_harmless_in_a_browser(service: Service, path: str) -> None:
    headers = service.http.get(f"{service.url}{path}").headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "microphone=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"]
    assert "Strict-Transport-Security" not in headers  # there is no TLS here
    assert "Server" not in headers


def test_of_whom_a_chat_is_no_cache_keeps_it(ada: Person, service: Service) -> None:
    assert "private" in ada.http.get("/chats").headers["Cache-Control"]
    assert service.http.get("/me").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["token", "access_token", "jwt", "auth", "api_key"])
@pytest.mark.parametrize("path", ["/me", "/chats", "/events", "/runs/x/events", "/ws"])
def test_a_token_in_the_address_lets_nobody_in(service: Service, ada: Person, path: str, name: str) -> None:
    personal = service.personal_token(ada, "chats:read") if (path, name) == ("/me", "token") else ada.token
    for token in {ada.token, personal}:
        answer = service.http.get(path, params={name: token})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_token_in_other_headers_or_a_cookie_lets_nobody_in(service: Service, ada: Person) -> None:
    for headers in (
        {"X-API-Key": ada.token}, {"Cookie": f"token={ada.token}"}, {"Cookie": f"aichat_refresh={ada.refresh_token}"},
        {"Authorization": f"token {ada.token}"}, {"Authorization": f"Basic {ada.token}"}, {"X-Auth-Token": ada.token},
        {"Authorization": ada.token}, {"Authorization": f"Bearer {ada.refresh_token}"},
    ):  # fmt: skip
        assert service.http.get("/me", headers=headers).status_code == 401, headers


def test_what_stands_in_an_address_is_not_logged(service: Service, ada: Person) -> None:
    for client in (service.http, ada.http):
        client.get("/me", params={"token": ada.token, "jwt": ada.token, "x": "seventeen-x"})
        client.get("/chats", params={"q": "seventeen-q"}, headers={"Referer": "http://127.0.0.1/?seventeen-r"})
        client.get("/shared/seventeen-s")
        client.get(f"{service.url}shared/seventeen-s")
        client.get("/nowhere/seventeen-path")
    logged = service.log.read_text()
    assert "seventeen-path" in logged
    assert ada.token not in logged
    assert {each for each in ("seventeen-x", "seventeen-q", "seventeen-r", "seventeen-s") if each in logged} == set()


def test_a_connection_outlives_a_refusal(service: Service, ada: Person) -> None:
    """On one connection: what was refused before its body was read closes it, and says so."""
    with httpx.Client(base_url=service.base, limits=httpx.Limits(max_connections=1)) as client:
        for _ in range(50):
            assert client.get("/me").status_code == 401
            assert client.get("/nowhere").status_code == 404
            assert client.delete("/chats/x").status_code == 401
        answer = client.post("/chats", json={})
        assert (answer.status_code, answer.headers["Connection"]) == (401, "close")
        assert client.post("/chats", json={}).status_code == 401
    assert "Connection" not in ada.http.get("/chats/nothing").headers


@pytest.mark.parametrize(
    "path",
    [
        "login?next=//evil.example", "login?next=https:evil.example", "login?next=\\evil.example", "logout?next=//evil.example",
        "/evil.example/%2f..", "/evil.example", "\\evil.example", "api/aichat/v1//evil.example", "%2f%2fevil.example/",
        "?next=//evil.example",
    ],
)  # fmt: skip
def test_nothing_leads_to_another_site(service: Service, path: str) -> None:
    answer = service.http.get(f"{service.url}{path}")
    location = answer.headers.get("Location", "")
    assert not answer.is_redirect or (location.startswith("/") and not location.startswith(("//", "/\\")))


ROGUE = """
def _jupyter_server_extension_points():
    return [{"module": "rogue"}]

def _load_jupyter_server_extension(server):
    from tornado.web import RequestHandler
    class Rogue(RequestHandler):
        def get(self):
            self.finish("rogue")
    server.web_app.add_handlers(".*$", [(r"/rogue", Rogue)])
    open("rogue-was-here", "w").close()
"""


@pytest.mark.parametrize("how", ["machine", "argument"])
def test_an_extension_that_is_enabled_on_the_machine_is_not_loaded(tmp_path: Path, how: str) -> None:
    (tmp_path / "rogue.py").write_text(ROGUE)
    enabled = {"ServerApp": {"jpserver_extensions": {"rogue": True}}}
    configured = tmp_path / "config" / "jupyter_server_config.d"
    configured.mkdir(parents=True)
    (configured / "rogue.json").write_text(json.dumps(enabled))
    (tmp_path / "config" / "jupyter_server_config.json").write_text(json.dumps(enabled))
    path = surroundings(tmp_path)["PYTHONPATH"]
    environment = {"PYTHONPATH": f"{tmp_path}:{path}", "JUPYTER_NO_CONFIG": ""}
    arguments = ("--ServerApp.jpserver_extensions={'rogue': True}",) if how == "argument" else ()
    with running(tmp_path, *arguments, environment=environment) as service:
        answer = service.http.get(f"{service.url}rogue")
        assert (answer.status_code, answer.text == "rogue") == (404, False)
    assert not (tmp_path / "rogue-was-here").exists()


@pytest.mark.parametrize(
    "origin", ["*", "null", "https://trusted.example/", "trusted.example", "ftp://x", "https://*.example"]
)
def test_what_is_no_origin_cannot_be_allowed(tmp_path: Path, origin: str) -> None:
    from jupyter_aichat.server.origins import Origins

    with pytest.raises(ValueError, match="no origin"):
        Origins([origin])
