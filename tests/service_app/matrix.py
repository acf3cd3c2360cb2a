"""What the matrix of routes and credentials is filled with: ids of somebody's things, bodies, frames, credentials.

It knows the routes by their path and the frames by their type. One that it does not know fails its tests: say here what it takes.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from jupyter_aichat.auth.keys import new_secret, parse_keys
from jupyter_aichat.auth.tokens import AccessTokens
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, SessionId
from jupyter_aichat.protocol.frames import (
    ClientFrame,
    ContinueFrame,
    EditFrame,
    PingFrame,
    RegenerateFrame,
    SendFrame,
    StopFrame,
    SubscribeFrame,
    UnsubscribeFrame,
)
from jupyter_aichat.server.routes import ROUTES
from jupyter_aichat.server.table import Route, Verb
from tests.service_app.process import PASSWORD, Person, Service

Json = dict[str, Any]

UNKNOWN = "019f0000-0000-7000-8000-000000000000"
PUBLISHED = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJyb290In0."

BODIES: dict[tuple[str, str], Json] = {
    ("patch", "/me"): {"display_name": "Somebody"},
    ("delete", "/me"): {"password": PASSWORD},
    ("post", "/auth/register"): {"username": "Registered", "password": PASSWORD},
    ("post", "/auth/login"): {"username": "Nobody", "password": PASSWORD},
    ("post", "/auth/refresh"): {"refresh_token": "x"},
    ("post", "/auth/logout"): {},
    ("post", "/auth/password"): {"password": PASSWORD, "new_password": "another horse battery"},
    ("post", "/auth/invitations"): {},
    ("post", "/tokens"): {"name": "script", "scopes": ["chats:read"]},
    ("post", "/admin/users"): {"username": "Made by an administrator", "password": PASSWORD},
    ("patch", "/admin/users/{user_id}"): {
        "quotas": [{"tokens_per_day": 7}]
    },  # who is disabled is written once more, later
    ("post", "/chats"): {"title": "New"},
    ("patch", "/chats/{chat_id}"): {"title": "Changed"},
    ("post", "/chats/{chat_id}/shares"): {},
    ("post", "/chats/{chat_id}/messages"): {"text": "Count."},
    ("post", "/chats/{chat_id}/messages/{message_id}/edit"): {"text": "Count on."},
    ("post", "/chats/{chat_id}/messages/{message_id}/regenerate"): {},
    ("post", "/chats/{chat_id}/messages/{message_id}/continue"): {},
}
"""A right body for each verb that takes one."""

FILE: Json = {
    "format": "jupyter_aichat", "version": 1, "exported_at": "2026-11-24T12:00:00Z",
    "chats": [{"id": "c", "title": "T", "created_at": "2026-11-24T12:00:00Z", "updated_at": "2026-11-24T12:00:00Z", "messages": []}],
}  # fmt: skip
"""A file for each verb that takes one."""

ENDLESS = {"/events"}
"""Streams that go on until somebody goes."""


@dataclass(frozen=True)
class Case:
    """A verb of the table."""

    verb: str
    route: Route
    described: Verb

    @property
    def path(self) -> str:
        """Its path, with names in braces."""
        return self.route.path

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its ids."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def body(self) -> Json | None:
        """A right body."""
        if self.described.upload:
            return FILE
        return None if self.described.body is None else BODIES[self.verb, self.path]

    def filled(self, ids: Json) -> str:
        """Its path with ids."""
        return re.sub(r"\{(\w+)\}", lambda found: str(ids[found[1]]), self.path)

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


CASES = [Case(verb, route, described) for route in ROUTES for verb, described in route.verbs.items()]

FRAMES: dict[type[ClientFrame], Callable[[Json], list[Json]]] = {
    SendFrame: lambda ids: [{"chat_id": ids["chat_id"], "text": "a"}],
    EditFrame: lambda ids: [{"chat_id": ids["chat_id"], "message_id": ids["question_id"], "text": "a"}],
    RegenerateFrame: lambda ids: [{"chat_id": ids["chat_id"], "message_id": ids["message_id"]}],
    ContinueFrame: lambda ids: [{"chat_id": ids["chat_id"], "message_id": ids["message_id"]}],
    SubscribeFrame: lambda ids: [{"run_id": ids["run_id"], "after": 0}, {"chat_id": ids["chat_id"]}],
    UnsubscribeFrame: lambda ids: [{"run_id": ids["run_id"]}, {"chat_id": ids["chat_id"]}],
    StopFrame: lambda ids: [{"run_id": ids["run_id"]}],
    PingFrame: lambda _ids: [{}],
}
"""For each frame what it says about somebody's things."""

WITHOUT_IDS = (PingFrame, UnsubscribeFrame)
"""Frames that look nothing up: an unknown subscription is none."""


def ids_of(service: Service, person: Person, *names: str) -> Json:
    """Make what these names of the table stand for, each of it somebody's own."""
    found: Json = {}
    if {"chat_id", "message_id", "run_id", "share_id"} & set(names):
        found |= _conversation(person)
    if "share_id" in names:
        found["share_id"] = person.json("POST", f"/chats/{found['chat_id']}/shares", {})["id"]
    return found | {name: _MAKERS[name](service, person) for name in names if name not in found}


def _conversation(person: Person) -> Json:
    sent = person.send("counter-5-1")
    run = sent["run"]["id"]
    with person.http.stream("GET", f"/runs/{run}/events") as events:
        events.read()
    question, reply = sent["message"]["id"], sent["reply"]["id"]
    return {"chat_id": sent["run"]["chat_id"], "question_id": question, "message_id": reply, "run_id": run}


def _token(service: Service, person: Person) -> str:
    service.personal_token(person, "chats:read")
    return str(person.json("GET", "/tokens")["items"][0]["id"])


def _received(service: Service, person: Person) -> str:
    giver = service.person(f"Giver {secrets.token_hex(4)}")
    chat = giver.json("POST", "/chats", {})["id"]
    return str(giver.json("POST", f"/chats/{chat}/shares", {"with": person.name})["id"])


_MAKERS: dict[str, Callable[[Service, Person], str]] = {
    "session_id": lambda service, person: service.login(person.name, person.owner_id).session_id,
    "token_id": _token,
    "token": _received,
    "user_id": lambda service, _person: service.person(f"Made {secrets.token_hex(4)}").owner_id,
    "invitation_id": lambda _service, person: str(person.json("POST", "/auth/invitations", {})["id"]),
}

NAMES = ("chat_id", "message_id", "run_id", "share_id", "session_id", "token_id", "token")
"""What people have."""

NOWHERE = dict.fromkeys((*NAMES, "question_id", *_MAKERS), UNKNOWN)
"""Ids of nothing."""


def for_case(case: Case, ids: Json) -> Json:
    """The ids that a case takes: only questions can be edited."""
    return {**ids, "message_id": ids["question_id"]} if case.path.endswith("/edit") else ids


def bad_credentials(service: Service, person: Person) -> dict[str, dict[str, str]]:
    """Headers that let nobody in, by what is wrong with them."""
    owner, session = OwnerId(person.owner_id), SessionId(person.session_id)
    (key,) = parse_keys(service.secret)
    ours = AccessTokens([key], "jupyter_aichat")
    (other,) = parse_keys(f"{key.kid} {new_secret().split(' ', 1)[1]}")
    signed_by_another = AccessTokens([other], "jupyter_aichat").make(owner, session, "t", now())
    tokens = {
        "expired": ours.make(owner, session, "t", now() - timedelta(hours=1)),
        "not yet valid": ours.make(owner, session, "t", now() + timedelta(hours=1)),
        "of no session": ours.make(owner, SessionId(UNKNOWN), "t", now()),
        "of another service": AccessTokens([key], "another").make(owner, session, "t", now()),
        "signed by another key": signed_by_another,
        "unsigned": PUBLISHED,
        "a refresh token": person.refresh_token,
        "made up": "aichat_" + "A" * 43,
    }
    headers = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    basic = {"Authorization": "Basic QWRhOmNvcnJlY3QgaG9yc2U="}
    empty = {"Authorization": "Bearer"}
    return {
        "none": {},
        "empty": empty,
        "another scheme": basic,
        "in a cookie": {"Cookie": f"token={person.token}"},
        **headers,
    }


def contents(service: Service) -> dict[str, list[Any]]:
    """All that is stored, without what goes on by itself: the beats of processes, and the audit of refusals."""
    file = Path(service.store_url.removeprefix("sqlite:///"))
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        return {
            table: database.execute(f"select * from {table}").fetchall()
            for table in tables
            if "instance" not in table and "audit" not in table
        }
