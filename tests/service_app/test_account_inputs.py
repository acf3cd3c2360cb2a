"""What is not as it should be is a 400 with a code on every route of accounts, and nothing is written; and what time tells."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_aichat.server.routes import ROUTES
from tests.service_app.asking import ask, fresh_name, login, registered, somebody, told
from tests.service_app.process import PASSWORD, Person, Service

DEEP = 10_000
BAD_JSON = [
    pytest.param(b"", id="empty"),
    pytest.param(b"{", id="cut"),
    pytest.param(b"null", id="null"),
    pytest.param(b"[]", id="array"),
    pytest.param(b"7", id="number"),
    pytest.param(b'"text"', id="string"),
    pytest.param(b"NaN", id="NaN"),
    pytest.param(b"123456789012345678901234567890", id="beyond 64 bits"),
    pytest.param(b"username=a&password=b", id="form"),
    pytest.param(b"\xff\xfe", id="no UTF-8"),
    pytest.param(b"[" * DEEP + b"]" * DEEP, id="deep"),
    pytest.param(b'{"username": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}", id="deep in a field"),
    pytest.param(b'{"username": "a", "password": "b", "password": ', id="cut after a second"),
]
SERVER_SIDE = {
    "owner_id": "mallory", "id": "mallory", "stamp": 7, "disabled_at": None, "created_at": "2026-01-01T00:00:00Z",
    "password_hash": "$2b$04$x", "folded_name": "root", "is_admin": True, "$where": "1", "account.roles": ["admin"],
    "expires_at": "2099-01-01T00:00:00Z", "hash": "x", "created_by": "root",
}  # fmt: skip
VALUES: tuple[Any, ...] = (
    None,
    [],
    {},
    {"$gt": ""},
    {"$ne": None},
    ["admin", {"$gt": ""}],
    7,
    2**70,
    1.5,
    True,
    "\0",
    "a\0b",
)

Place = tuple[str, str, dict[str, Any]]
BODIES: dict[str, dict[str, Any]] = {
    "RegisterBody": {
        "username": "nobody yet",
        "password": PASSWORD,
        "display_name": "N.",
        "invitation": "aichat-invitation_x",
    },
    "LoginBody": {"username": "nobody yet", "password": PASSWORD, "cookie": False, "known": "x"},
    "RefreshBody": {"refresh_token": "x", "attempt": "a"},
    "LogoutBody": {"refresh_token": "x"},
    "PasswordBody": {"password": "wrong horse", "new_password": "another horse"},
    "ProfileBody": {"display_name": "Ada", "preferences": {}},
    "LeaveBody": {"password": "wrong horse"},
    "NewTokenBody": {"name": "script", "scopes": ["chats:read"], "days": 1},
    "NewInvitationBody": {"roles": ["user"], "days": 1},
    "NewUserBody": {"username": "nobody yet", "password": PASSWORD, "display_name": "N.", "roles": ["user"]},
    "UserChangesBody": {"roles": ["user"], "disabled": False, "password": PASSWORD},
}


def _places() -> list[Place]:
    """Every route of accounts that takes a body, and a body that it would take."""
    return [
        (method.upper(), route.path.replace("{user_id}", "{user}"), BODIES[verb.body.__name__])
        for route in ROUTES
        for method, verb in route.verbs.items()
        if verb.body is not None and (route.accounts_only or route.path == "/me") and verb.body.__name__ in BODIES
    ]


PLACES = _places()


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    many = ("registrations", "name_tries", "address_tries")
    return ("--AIChatApp.registration=open", "--Passwords.cost=7", *(f"--AccountRules.{each}=1000000" for each in many))


@pytest.fixture
def written(service: Service) -> Iterator[None]:
    """Fail where anything was written meanwhile."""

    def everything() -> dict[str, list[Any]]:
        with contextlib.closing(sqlite3.connect(service.store_url.removeprefix("sqlite://"))) as db:
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in tables}

    before = everything()
    yield
    assert everything() == before


def test_every_body_of_accounts_is_tried() -> None:
    assert {place[2] is BODIES[name] for place in PLACES for name in BODIES if place[2] is BODIES[name]} == {True}
    tried = {id(body) for _, _, body in PLACES}
    assert tried == {id(body) for body in BODIES.values()}


@pytest.mark.parametrize("body", BAD_JSON)
@pytest.mark.usefixtures("written")
def test_a_bad_body_is_refused_everywhere(admin: Person, eve: Person, body: bytes) -> None:
    for method, path, _ in PLACES:
        if path == "/auth/logout" and not body:
            continue  # it needs none
        answer = ask(
            admin.http,
            method,
            path.format(user=eve.owner_id),
            content=body,
            headers={"Content-Type": "application/json"},
        )
        assert told(answer) == (400, "invalid_request"), (method, path)
        assert "Traceback" not in answer.text


@pytest.mark.usefixtures("written")
def test_what_is_the_servers_nobody_sets(admin: Person, eve: Person) -> None:
    for method, path, good in PLACES:
        for name, value in SERVER_SIDE.items():
            answer = ask(admin.http, method, path.format(user=eve.owner_id), {**good, name: value})
            assert told(answer) == (400, "invalid_request"), (method, path, name)
    for path in ("/auth/register", "/me", "/auth/login"):
        for field in ("roles", "disabled", "scopes"):
            method, _, good = next(place for place in PLACES if place[1] == path)
            answer = ask(admin.http, method, path, {**good, field: ["admin"]})
            assert told(answer) == (400, "invalid_request"), (path, field)


@pytest.mark.usefixtures("written")
def test_a_field_of_another_kind_is_refused(admin: Person, eve: Person) -> None:
    for method, path, good in PLACES:
        for name, present in good.items():
            for value in VALUES:
                if value is None and name in ("invitation", "known", "refresh_token", "attempt"):
                    continue  # as if it were not there
                if type(value) is type(present) and value not in (
                    "\0",
                    "a\0b",
                    ["admin", {"$gt": ""}],
                    {"$gt": ""},
                    {"$ne": None},
                ):
                    continue
                answer = ask(admin.http, method, path.format(user=eve.owner_id), {**good, name: value})
                assert told(answer) == (400, "invalid_request"), (method, path, name, value)


def test_of_two_fields_of_one_name_the_last_wins(service: Service) -> None:
    name = registered(service)
    body = json.dumps({"username": name, "password": PASSWORD}).replace("{", '{"password": "wrong horse", ', 1)
    answer = ask(service.http, "POST", "/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


@pytest.mark.parametrize("user", ["unknown", "x" * 5000, "%00", "..%2f..", "'; drop table accounts; --", "é", "$gt"])
def test_an_unknown_id_is_not_found(admin: Person, user: str) -> None:
    for method, path, body in (
        ("PATCH", f"/admin/users/{user}", {"disabled": True}), ("DELETE", f"/admin/users/{user}", None),
        ("DELETE", f"/sessions/{user}", None), ("DELETE", f"/tokens/{user}", None), ("DELETE", f"/auth/invitations/{user}", None),
    ):  # fmt: skip
        answer = admin.http.request(method, path, json=body)
        assert told(answer) == (404, "not_found"), (method, path)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "x" * 65,
        "x" * 300,
        "a\nb",
        "a  b",
        "-a",
        "a/b",
        "<b>",
        "a\u202eb",
        "\u3164",
        "{}",
        "$gt",
        "\ufdfa" * 10,
    ],
)
def test_a_name_that_cannot_be_is_refused(service: Service, admin: Person, name: str) -> None:
    wanted = {"username": name, "password": PASSWORD}
    assert told(ask(service.http, "POST", "/auth/register", wanted)) == (400, "invalid_request")
    assert told(ask(admin.http, "POST", "/admin/users", wanted)) == (400, "invalid_request")


def test_an_unknown_name_takes_as_long_as_a_wrong_password(service: Service) -> None:
    """By turns, so that a busy machine slows both; the middle of many. Hashes take most of it, as they should."""
    known = [registered(service) for _ in range(5)]
    took: dict[bool, list[float]] = {True: [], False: []}
    for n in range(160):
        name = known[n % 5] if n % 2 else fresh_name()
        begun = time.perf_counter()
        answer = service.http.post("/auth/login", json={"username": name, "password": "wrong horse"})
        took[bool(n % 2)].append(time.perf_counter() - begun)
        assert answer.status_code == 401
    wrong, unknown = (statistics.median(took[kind][10:]) for kind in (True, False))
    assert abs(wrong - unknown) < 0.2 * max(wrong, unknown), (wrong, unknown)


def test_the_service_goes_on(service: Service) -> None:
    _, _, client = somebody(service)
    login(service.http, registered(service))
    assert client.get("/me").status_code == 200
    assert "Traceback" not in service.log.read_text()
