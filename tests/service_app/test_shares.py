"""Chats that are shared: who may read what, over HTTP, and nobody anything else."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from jupyter_aichat.stores.cursors import pack_cursor
from tests.server import documents
from tests.service_app.process import Person, Service, running
from tests.service_app.reader import text_of

CANARY = "canary-of-another-chat"


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    return ("--ServerApp.log_level=DEBUG",)


@pytest.fixture(scope="module")
def mia(service: Service) -> Person:
    """Somebody with whom nothing is shared."""
    return service.person("Mia")


@pytest.fixture(scope="module")
def chat(ada: Person) -> str:
    """A chat of Ada's with one answer, beside another that is nobody's business."""
    ended(ada, ada.send("counter-5-1", CANARY)["run"]["id"])
    chat: str = ada.json("POST", "/chats", {"title": "Moons", "options": {"temperature": 0.25, "system": CANARY}})["id"]
    sent = ada.json("POST", f"/chats/{chat}/messages", {"text": "How many?", "model": "counter-5-1"})
    ended(ada, sent["run"]["id"])
    return chat


def ended(person: Person, run: str) -> None:
    """Wait for the end of a run."""
    person.http.get(f"/runs/{run}/events")


def share(person: Person, chat: str, **wish: Any) -> Any:
    """Make a share, as documented."""
    made = person.json("POST", f"/chats/{chat}/shares", wish)
    documents.check_answer("POST", f"/chats/{chat}/shares", 201, made)
    return made


def shared(client: httpx.Client, key: str, **params: Any) -> Any:
    """Read a share, as documented."""
    answer = client.get(f"/shared/{key}", params=params)
    assert answer.status_code == 200, answer.text
    documents.check_answer("GET", "/shared/x", 200, answer.json())
    return answer.json()


def test_a_link_is_read_by_whoever_has_it(service: Service, ada: Person, eve: Person, chat: str) -> None:
    made = share(ada, chat)
    assert made["with"] is made["expires_at"] is None
    for client in (service.http, eve.http, ada.http):
        found = shared(client, made["token"])
        assert (found["title"], found["shared_by"], found["next"]) == ("Moons", "Ada", None)
        assert [(each["role"], each["status"]) for each in found["messages"]] == [
            ("user", "completed"),
            ("assistant", "completed"),
        ]
        assert text_of(found["messages"][0]) == "How many?"
        assert text_of(found["messages"][1])


def test_what_is_read_stands_for_nothing_else(service: Service, ada: Person, chat: str) -> None:
    """No id of the owner, the chat or a run, no options, no counts; the ids of messages open nothing."""
    made = share(ada, chat)
    answer = service.http.get(f"/shared/{made['token']}")
    messages = ada.json("GET", f"/chats/{chat}/messages")["items"]
    secrets = [CANARY, ada.owner_id, chat, made["id"], "0.25", "digest", "options", "usage", "seq"]
    for secret in (*secrets, *(each["run_id"] for each in messages if each["run_id"])):
        assert secret not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert not {"ETag", "Set-Cookie"} & set(answer.headers)


def test_what_a_reader_learns_opens_no_other_route(service: Service, ada: Person, eve: Person, chat: str) -> None:
    made = share(ada, chat, **{"with": "eve"})
    found = shared(eve.http, made["id"])
    for known in (made["id"], *(each["id"] for each in found["messages"])):
        for path in ("/chats/{}", "/chats/{}/messages", "/chats/{}/shares", "/runs/{}", "/runs/{}/events"):
            assert eve.http.get(path.format(known)).status_code == 404
        assert eve.http.delete(f"/runs/{known}").status_code == 404
        assert eve.http.get(f"/shared/{known}x").status_code == 404
    assert eve.http.get(f"/chats/{chat}").status_code == 404
    assert eve.http.get("/events", params={"chat_id": chat}).status_code == 404
    assert made["id"] not in eve.http.get("/chats").text


def test_a_share_with_somebody_is_for_nobody_else(
    service: Service, ada: Person, eve: Person, mia: Person, admin: Person, chat: str
) -> None:
    made = share(ada, chat, **{"with": "\uff45VE"})
    assert (made["with"], made["token"]) == ("Eve", None)
    assert shared(eve.http, made["id"])["title"] == "Moons"
    unknown = service.http.get("/shared/aichat-share_unknown")
    for client in (service.http, mia.http, ada.http, admin.http):
        for path in ("", "/events"):
            answer = client.get(f"/shared/{made['id']}{path}")
            assert (answer.status_code, answer.content) == (404, unknown.content)
    listed = eve.json("GET", "/shared")
    documents.check_answer("GET", "/shared", 200, listed)
    assert {
        "id": made["id"],
        "title": "Moons",
        "shared_by": "Ada",
        "created_at": made["created_at"],
        "expires_at": None,
    } in (listed["items"])
    assert mia.json("GET", "/shared") == {"items": [], "next": None}
    for client, status in ((mia.http, 404), (ada.http, 404), (admin.http, 404), (service.http, 401)):
        assert client.delete(f"/shared/{made['id']}").status_code == status
    assert service.http.get("/shared").status_code == 401
    assert ada.owner_id not in eve.http.get("/shared").text


def test_who_wants_a_share_no_more_leaves_it(service: Service, ada: Person, eve: Person, chat: str) -> None:
    made, link = share(ada, chat, **{"with": "Eve"}), share(ada, chat)
    assert eve.http.delete(f"/shared/{link['token']}").status_code == 404
    assert eve.http.delete(f"/shared/{made['id']}").status_code == 204
    assert eve.http.delete(f"/shared/{made['id']}").status_code == 404
    assert eve.http.get(f"/shared/{made['id']}").status_code == 404
    assert made["id"] not in {each["id"] for each in ada.json("GET", f"/chats/{chat}/shares")["items"]}
    assert shared(service.http, link["token"])["title"] == "Moons"


def test_shares_are_listed_and_revoked_by_their_owner_alone(
    service: Service, ada: Person, eve: Person, mia: Person, admin: Person
) -> None:
    chat = ada.json("POST", "/chats", {})["id"]
    link, named = share(ada, chat), share(ada, chat, expires_in=3600, **{"with": "Eve"})
    listed = ada.json("GET", f"/chats/{chat}/shares")
    documents.check_answer("GET", f"/chats/{chat}/shares", 200, listed)
    assert [each["id"] for each in listed["items"]] == [named["id"], link["id"]]
    assert link["token"] not in str(listed)
    ends = datetime.fromisoformat(named["expires_at"]) - datetime.fromisoformat(named["created_at"])
    assert timedelta(seconds=3590) < ends < timedelta(seconds=3610)
    path = f"/chats/{chat}/shares"
    for other, status in ((eve.http, 404), (mia.http, 404), (admin.http, 404), (service.http, 401)):
        assert other.get(path).status_code == status
        assert other.post(path, content=b"" if status == 401 else b"{}").status_code == status
        assert other.delete(f"{path}/{link['id']}").status_code == status
        assert other.delete(f"{path}/unknown").status_code == status
    assert ada.http.delete(f"{path}/{link['id']}").status_code == 204
    assert ada.http.delete(f"{path}/{link['id']}").status_code == 404
    assert service.http.get(f"/shared/{link['token']}").status_code == 404
    assert shared(eve.http, named["id"])["messages"] == []
    assert ada.http.delete(f"{path}/{named['id']}").status_code == 204
    assert eve.http.get(f"/shared/{named['id']}").status_code == 404


def test_nothing_can_be_written_through_a_share(service: Service, ada: Person, eve: Person, chat: str) -> None:
    token = share(ada, chat)["token"]
    before = ada.http.get(f"/chats/{chat}/messages").content
    for client in (service.http, eve.http):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for path in ("", "/events", "/messages", "/shares", "/chats"):
                answer = client.request(method, f"/shared/{token}{path}", json={"text": "x", "title": "y"})
                assert answer.status_code in (401, 403, 404, 405), (method, path)
                assert token not in answer.text
    assert ada.http.get(f"/chats/{chat}/messages").content == before
    assert shared(service.http, token)["title"] == "Moons"


@pytest.mark.parametrize(
    "body",
    [
        {"with": ""}, {"with": 7}, {"with": {"$gt": ""}}, {"with": "a\0"}, {"with": "x" * 300}, {"expires_in": 0},
        {"expires_in": -1}, {"expires_in": "60"}, {"expires_in": 1e400}, {"expires_in": 2**70}, {"expires_at": "tomorrow"},
        {"expires_at": "2030-01-01T00:00:00"}, {"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "9999-12-31T23:59:59Z"},
        {"expires_at": "2030-01-01T00:00:00Z", "expires_in": 60}, {"owner_id": "x"}, {"token": "x"}, {"hash": "x"},
        {"reader_id": "x"}, {"reader": "Eve"}, {"id": "x"}, {"created_at": "2020-01-01T00:00:00Z"}, [], 1, "x", None,
    ],
)  # fmt: skip
def test_what_is_no_wish_for_a_share_is_refused(ada: Person, chat: str, body: Any) -> None:
    before = ada.json("GET", f"/chats/{chat}/shares")
    content = b"{'x" if body == "x" else __import__("json").dumps(body).encode()
    answer = ada.http.post(f"/chats/{chat}/shares", content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert ada.json("GET", f"/chats/{chat}/shares") == before


def test_there_is_nobody_to_share_with(ada: Person, chat: str) -> None:
    nobody = ada.http.post(f"/chats/{chat}/shares", json={"with": "nobody-here"})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "not_found")
    oneself = ada.http.post(f"/chats/{chat}/shares", json={"with": "ada"})
    assert (oneself.status_code, oneself.json()["code"]) == (400, "invalid_request")


def test_a_share_ends_by_the_clock(service: Service, ada: Person, eve: Person, chat: str) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=1)
    link, named = share(ada, chat, expires_at=ends.isoformat()), share(ada, chat, expires_in=1, **{"with": "Eve"})
    assert shared(service.http, link["token"])["expires_at"] == link["expires_at"]
    deadline = time.monotonic() + 3
    while service.http.get(f"/shared/{link['token']}").status_code != 404:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert datetime.now(UTC) >= ends
    while eve.http.get(f"/shared/{named['id']}").status_code != 404:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    present = {each["id"] for each in ada.json("GET", f"/chats/{chat}/shares")["items"]}
    assert not present & {link["id"], named["id"]}


def test_a_token_that_may_read_only_may_not_share(service: Service, ada: Person, chat: str) -> None:
    made = share(ada, chat)
    script = service.client(service.personal_token(ada, "chats:read"))
    assert script.get(f"/chats/{chat}/shares").status_code == 200
    refused = script.post(f"/chats/{chat}/shares")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert script.delete(f"/chats/{chat}/shares/{made['id']}").status_code == 403
    assert shared(script, made["token"])["title"] == "Moons"


def test_a_credential_that_is_not_valid_is_not_ignored(service: Service, ada: Person, chat: str) -> None:
    token = share(ada, chat)["token"]
    assert service.client("made-up").get(f"/shared/{token}").status_code == 401


def test_a_branch_is_shared_and_the_others_are_not(service: Service, ada: Person) -> None:
    """What its owner sees: the rest of the tree is what the owner has put aside."""
    chat = ada.json("POST", "/chats", {"title": "Secrets"})["id"]
    first = ada.json("POST", f"/chats/{chat}/messages", {"text": "my password", "model": "counter-5-1"})
    ended(ada, first["run"]["id"])
    token = share(ada, chat)["token"]
    assert text_of(shared(service.http, token)["messages"][0]) == "my password"
    edit = {"text": "nothing", "model": "counter-5-1"}
    second = ada.json("POST", f"/chats/{chat}/messages/{first['message']['id']}/edit", edit)
    ended(ada, second["run"]["id"])
    found = shared(service.http, token)
    assert [each["id"] for each in found["messages"]] == [second["message"]["id"], second["reply"]["id"]]
    assert "password" not in str(found)


def test_no_cursor_leads_to_what_has_left_the_branch(service: Service, ada: Person) -> None:
    sent = ada.send("counter-40-2")
    chat = sent["run"]["chat_id"]
    token, other = share(ada, chat)["token"], share(ada, chat)["token"]
    for model in ("counter-40-2", "counter-5-1"):
        path = f"/chats/{chat}/messages/{sent['message']['id']}/edit"
        ended(ada, ada.json("POST", path, {"text": "Anew.", "model": model})["run"]["id"])
    ended(ada, sent["run"]["id"])
    assert service.http.get(f"/shared/{token}", params={"cursor": pack_cursor(sent["reply"]["id"])}).status_code == 400
    cursor = shared(service.http, token, limit=1)["next"]
    assert shared(service.http, token, cursor=cursor)["next"] is None
    assert service.http.get(f"/shared/{other}", params={"cursor": cursor}).status_code == 400


def test_a_long_chat_comes_in_pages(service: Service, ada: Person) -> None:
    chat = ada.json("POST", "/chats", {})["id"]
    for n in range(3):
        sent = ada.json("POST", f"/chats/{chat}/messages", {"text": f"q{n}", "model": "counter-5-1"})
        ended(ada, sent["run"]["id"])
    token, questions, cursor = share(ada, chat)["token"], list[str](), None
    while True:
        found = shared(service.http, token, limit=2, **({} if cursor is None else {"cursor": cursor}))
        questions.insert(0, text_of(found["messages"][0]))
        cursor = found["next"]
        if cursor is None:
            break
    assert questions == ["q0", "q1", "q2"]
    for wrong in ({"limit": 0}, {"limit": 1000}, {"cursor": "x"}):
        assert service.http.get(f"/shared/{token}", params=wrong).status_code == 400


def test_a_share_ends_with_its_chat_and_its_owner(service: Service, mia: Person) -> None:
    zoe = service.person("Zoe")
    deleted, kept = zoe.json("POST", "/chats", {})["id"], zoe.json("POST", "/chats", {})["id"]
    of_deleted, of_kept = share(zoe, deleted)["token"], share(zoe, kept)["token"]
    named = share(zoe, kept, **{"with": "Mia"})["id"]
    zoe.json("DELETE", f"/chats/{deleted}")
    assert service.http.get(f"/shared/{of_deleted}").status_code == 404
    assert shared(service.http, of_kept)["messages"] == []
    service.with_accounts(lambda each: each.accounts.erase(zoe.owner_id))  # type: ignore[arg-type]
    assert service.http.get(f"/shared/{of_kept}").status_code == 404
    assert mia.http.get(f"/shared/{named}").status_code == 404
    assert mia.json("GET", "/shared")["items"] == []


def test_no_token_of_a_link_is_in_any_log(service: Service, ada: Person, chat: str) -> None:
    made = share(ada, chat)
    for path in ("", "/events?x=1", "/nothing", "?limit=0", "?cursor=x"):
        for method in ("GET", "POST"):
            with service.http.stream(method, f"/shared/{made['token']}{path}"):
                pass
    ada.json("DELETE", f"/chats/{chat}/shares/{made['id']}")
    assert service.http.get(f"/shared/{made['token']}").status_code == 404
    said = service.log.read_text()
    assert "/shared/" in said
    assert made["token"].removeprefix("aichat-share_") not in said


def test_links_can_be_for_those_with_an_account(tmp_path: Any) -> None:
    with running(tmp_path, "--ScriptedProvider.names=counter-5-1", "--Shares.open_links=False") as closed:
        ada, eve = closed.person("Ada"), closed.person("Eve")
        token = share(ada, ada.json("POST", "/chats", {"title": "Moons"})["id"])["token"]
        for key in (token, "unknown"):
            answer = closed.http.get(f"/shared/{key}")
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
            assert closed.http.get(f"/shared/{key}/events").status_code == 401
        assert shared(eve.http, token)["title"] == "Moons"
