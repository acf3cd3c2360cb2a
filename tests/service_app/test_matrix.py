"""Every route and every frame, with every credential, with own, foreign and unknown ids, as the tables have them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import httpx
import pytest

from jupyter_aichat.auth.scopes import ADMIN, READ
from jupyter_aichat.protocol.frames import ClientFrame
from jupyter_aichat.server.permits import NEEDS
from jupyter_aichat.server.table import LOGIN, Verb
from tests.service_app.matrix import (
    BODIES,
    CASES,
    ENDLESS,
    FRAMES,
    NAMES,
    NOWHERE,
    UNKNOWN,
    WITHOUT_IDS,
    Case,
    Json,
    bad_credentials,
    contents,
    for_case,
    ids_of,
)
from tests.service_app.process import Person, Service

CLOSED = [case for case in CASES if not case.described.open]
FOR_PEOPLE = [case for case in CLOSED if case.described.needs != ADMIN]
FOR_ADMINISTRATORS = [case for case in CLOSED if case.described.needs == ADMIN]
WITH_IDS = [case for case in FOR_PEOPLE if case.names]
each = pytest.mark.parametrize


@pytest.fixture(scope="module")
def adas(service: Service, ada: Person) -> Json:
    return {**NOWHERE, **ids_of(service, ada, *NAMES)}


@pytest.fixture(scope="module")
def eves(service: Service, eve: Person) -> Json:
    return {**NOWHERE, **ids_of(service, eve, *NAMES)}


@pytest.fixture(scope="module")
def reading(service: Service, ada: Person) -> httpx.Client:
    """A personal token that may only read."""
    client = service.client(service.personal_token(ada, READ))
    assert client.get("/me").status_code == 200  # the store remembers when it was used first
    return client


def ask(client: httpx.Client, case: Case, ids: Json, **kwargs: Any) -> tuple[int, str]:
    """Return status and body; of a stream that goes on, none."""
    path = case.filled(for_case(case, ids))
    with client.stream(case.verb.upper(), path, json=case.body, **kwargs) as answer:
        if case.path in ENDLESS and answer.status_code == 200:
            return 200, ""
        answer.read()
        return answer.status_code, answer.text


@contextmanager
def nothing_written(service: Service) -> Iterator[None]:
    before = contents(service)
    yield
    assert contents(service) == before


# The tables themselves


def test_the_matrix_knows_every_body_and_every_frame() -> None:
    bodies = {(case.verb, case.path) for case in CASES if case.described.body is not None}
    assert bodies == BODIES.keys()
    assert set(get_args(ClientFrame)) == FRAMES.keys() == NEEDS.keys()


def test_a_verb_must_say_what_it_needs() -> None:
    with pytest.raises(ValueError, match="needs"):
        Verb("Forgotten")


@each("case", CASES, ids=str)
def test_a_verb_is_open_where_the_table_says_so(case: Case) -> None:
    handler = getattr(case.route.handler, case.verb)
    assert getattr(handler, "__allow_unauthenticated", False) is case.described.open


# Who is let in


@each("case", CLOSED, ids=str)
def test_without_a_valid_credential_nobody_is(service: Service, ada: Person, adas: Json, case: Case) -> None:
    with nothing_written(service):
        for wrong, headers in bad_credentials(service, ada).items():
            path = case.filled(for_case(case, adas))
            answer = service.http.request(case.verb.upper(), path, json=case.body, headers=headers)
            assert answer.status_code == 401, wrong
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.json()["code"] == "unauthenticated"


@each("case", CLOSED, ids=str)
def test_a_token_that_may_only_read_does(service: Service, reading: httpx.Client, adas: Json, case: Case) -> None:
    may = case.described.needs in (READ, LOGIN)
    with nothing_written(service):
        status, body = ask(reading, case, adas)
    assert (status == 403 and '"forbidden"' in body) is not may


@each("case", FOR_ADMINISTRATORS, ids=str)
def test_what_is_for_administrators_is_not_for_others(
    service: Service, ada: Person, adas: Json, eves: Json, case: Case
) -> None:
    with nothing_written(service):
        for ids in (adas, eves):
            status, body = ask(ada.http, case, ids)
            assert (status, '"forbidden"' in body) == (403, True)


@each("case", FOR_ADMINISTRATORS, ids=str)
def test_administrators_are_let_in_and_told_what_is_not_there(service: Service, admin: Person, case: Case) -> None:
    if case.names:
        assert ask(admin.http, case, NOWHERE)[0] == 404
    status, body = ask(admin.http, case, ids_of(service, admin, *case.names))
    assert status in case.described.statuses, body


@each("case", FOR_PEOPLE, ids=str)
def test_what_is_ones_own_is_there(service: Service, case: Case) -> None:
    own = service.person(f"Owner {secrets.token_hex(4)}")
    status, body = ask(own.http, case, ids_of(service, own, *case.names))
    finished = status == 409 and case.path.endswith("/continue")
    no_upgrade = status == 400 and case.path == "/ws"
    assert status in case.described.statuses or finished or no_upgrade, body


# Whose things


@each("case", WITH_IDS, ids=str)
def test_what_is_anothers_is_as_unknown_as_what_is_not_there(
    service: Service, ada: Person, admin: Person, eves: Json, case: Case
) -> None:
    with nothing_written(service):
        unknown = ask(ada.http, case, NOWHERE)
        assert unknown[0] == 404
        for person in (ada, admin):
            assert ask(person.http, case, eves) == unknown
        for name in case.names:  # one's own chat and another's message
            assert ask(ada.http, case, {**NOWHERE, name: eves[name]}) == unknown


@each("case", [case for case in WITH_IDS if len(case.names) > 1], ids=str)
def test_one_foreign_id_of_several_is_enough(service: Service, ada: Person, adas: Json, eves: Json, case: Case) -> None:
    elsewhere = ids_of(service, ada, *NAMES)

    def asked(name: str, others: Json) -> tuple[int, str]:
        mixed = {**adas, name: others[name]}
        if name == "message_id":
            mixed["question_id"] = others["question_id"]
        return ask(ada.http, case, mixed)

    with nothing_written(service):
        for name in case.names:
            unknown = asked(name, NOWHERE)
            assert unknown[0] == 404
            assert asked(name, eves) == unknown
            assert asked(name, elsewhere)[0] == 404


@each(
    ("method", "path", "body"),
    [
        ("POST", "/chats/{mine}/messages", {"text": "a", "parent_id": "{message_id}"}),
        ("PATCH", "/chats/{mine}", {"active_leaf": "{message_id}"}),
        ("GET", "/chats/{mine}/messages?leaf={message_id}", None),
        ("GET", "/events?chat_id={chat_id}", None),
    ],
)
def test_foreign_ids_in_bodies_and_queries_are_unknown(
    service: Service, ada: Person, adas: Json, eves: Json, method: str, path: str, body: Any
) -> None:
    def asked(ids: Json) -> tuple[int, str]:
        known = {**ids, "mine": adas["chat_id"]}
        sent = body and {name: value.format(**known) for name, value in body.items()}
        answer = ada.http.request(method, path.format(**known), json=sent)
        return answer.status_code, answer.text

    with nothing_written(service):
        unknown = asked(NOWHERE)
        assert (unknown[0], '"not_found"' in unknown[1]) == (404, True)
        assert asked(eves) == unknown
    assert UNKNOWN not in unknown[1]


# Frames


@each("kind", [kind for kind in FRAMES if kind not in WITHOUT_IDS], ids=lambda kind: kind.__name__)
async def test_a_frame_finds_nothing_of_anothers(
    service: Service, ada: Person, eves: Json, kind: type[ClientFrame]
) -> None:
    socket = await service.socket(ada.token)
    name = str(kind.__struct_config__.tag)
    with nothing_written(service):
        for foreign, unknown in zip(FRAMES[kind](eves), FRAMES[kind](NOWHERE), strict=True):
            told = [await socket.ask(name, **fields) for fields in (foreign, unknown)]
            assert [(each["type"], each["code"]) for each in told] == [("error", "not_found")] * 2
            assert told[0]["message"] == told[1]["message"]


@each("kind", FRAMES, ids=lambda kind: kind.__name__)
async def test_a_frame_does_what_the_credential_may(
    service: Service, reading: httpx.Client, adas: Json, kind: type[ClientFrame]
) -> None:
    """A token that may only read; frames of one's own with a login are tested where they do something."""
    socket = await service.socket(reading.headers["Authorization"].split()[1])
    name = str(kind.__struct_config__.tag)
    with nothing_written(service):
        for fields in FRAMES[kind](adas):
            told = await socket.ask(name, **fields)
            assert (told["type"] == "ack") is (NEEDS[kind] in (READ, LOGIN)), told


async def test_a_foreign_parent_in_a_frame_is_unknown(service: Service, ada: Person, adas: Json, eves: Json) -> None:
    socket = await service.socket(ada.token)
    with nothing_written(service):
        for parent in (eves["message_id"], UNKNOWN):
            told = await socket.ask("send", chat_id=adas["chat_id"], text="a", parent_id=parent)
            assert (told["type"], told["code"]) == ("error", "not_found")
