"""What is not as it should be is a 4xx with a code; nothing is written, and the server goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from tests.server.client import Client, Refused

DEEP = 10_000
BAD_JSON = [
    pytest.param(b"", id="empty"),
    pytest.param(b"{", id="cut"),
    pytest.param(b"null", id="null"),
    pytest.param(b"[]", id="array"),
    pytest.param(b"7", id="number"),
    pytest.param(b'"text"', id="string"),
    pytest.param(b"NaN", id="NaN"),
    pytest.param(b"text=a", id="form"),
    pytest.param(b"\xff\xfe", id="no UTF-8"),
    pytest.param(b'{"owner_id": "mallory"}', id="server-side field"),
    pytest.param(b'{"role": "assistant"}', id="another"),
    pytest.param(b'{"created_at": "2026-01-01T00:00:00Z"}', id="and another"),
    pytest.param(b"[" * DEEP + b"]" * DEEP, id="deep"),
    pytest.param(b'{"options": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}", id="deep in options"),
    pytest.param(b'{"options": {"temperature": 1e999}}', id="infinite"),
    pytest.param(b'{"options": {"seed": 123456789012345678901234567890}}', id="beyond 64 bits"),
    pytest.param(b'{"options": {"num_gpu": 1}}', id="unknown option"),
    pytest.param(b'{"model": "a\\u0000b"}', id="NUL"),
    pytest.param(b'{"model": "\\ud800"}', id="half a pair"),
    pytest.param(b'{"model": {}}', id="object as name"),
    pytest.param(b'{"model": ""}', id="empty name"),
]
PLACES = [
    ("POST", "/chats"),
    ("PATCH", "/chats/{chat}"),
    ("POST", "/chats/{chat}/messages"),
    ("POST", "/chats/{chat}/messages/{question}/edit"),
    ("POST", "/chats/{chat}/messages/{answer}/regenerate"),
    ("POST", "/chats/{chat}/messages/{answer}/continue"),
]


async def _state(client: Client) -> Any:
    chats = (await client.get("/chats"))["items"]
    return chats, [await client.get(f"/chats/{chat['id']}/messages") for chat in chats]


async def _filled(client: Client) -> dict[str, str]:
    chat = await client.new_chat()
    sent = await client.send(chat)
    await client.wait_for_end(sent["run"]["id"])
    return {"chat": chat, "question": sent["message"]["id"], "answer": sent["reply"]["id"]}


@pytest.mark.parametrize("body", BAD_JSON)
async def test_a_bad_body_is_refused_everywhere(client: Client, body: bytes) -> None:
    ids = await _filled(client)
    before = await _state(client)
    for method, path in PLACES:
        with pytest.raises(Refused) as caught:
            await client.request(method, path.format(**ids), raw=body)
        assert caught.value.status == 400, (method, path)
        assert caught.value.code in ("invalid_request", "invalid_option")
        assert "Traceback" not in json.dumps(caught.value.body)
    assert await _state(client) == before


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"text": ""},
        {"text": " \n"},
        {"text": "a", "parts": [{"type": "text", "text": "a"}]},
        {"parts": [{"type": "image", "url": "http://169.254.169.254/"}]},
        {"parts": [{"type": "text", "text": "a", "path": "/etc/passwd"}]},
        {"text": "x" * 600_000},
        {"text": "a", "parent_id": 5},
        {"text": "a", "chat_id": "another"},
    ],
)
async def test_a_bad_question_is_refused(client: Client, fields: dict[str, Any]) -> None:
    chat = await client.new_chat()
    with pytest.raises(Refused) as caught:
        await client.post(f"/chats/{chat}/messages", fields)
    assert caught.value.status == 400
    assert (await client.get(f"/chats/{chat}/messages"))["items"] == []


async def test_a_parent_must_be_there_and_alternate(client: Client) -> None:
    ids, other = await _filled(client), await _filled(client)
    for parent, status in (("nosuch", 404), (other["answer"], 404), (ids["question"], 400)):
        with pytest.raises(Refused) as caught:
            await client.send(ids["chat"], parent_id=parent)
        assert caught.value.status == status
    for verb, target in (("edit", "answer"), ("regenerate", "question"), ("continue", "question")):
        body = {"text": "a"} if verb == "edit" else {}
        with pytest.raises(Refused) as caught:
            await client.post(f"/chats/{ids['chat']}/messages/{ids[target]}/{verb}", body)
        assert caught.value.code in ("invalid_request", "cannot_continue")


@pytest.mark.parametrize("name", ["nosuch", "x" * 5000, "\0", "..%2f..%2fetc", "'; drop table chats; --", "%ff", "é"])
async def test_an_unknown_id_is_not_found(client: Client, name: str) -> None:
    for method, path, body in (
        ("GET", f"/chats/{name}", None),
        ("PATCH", f"/chats/{name}", {"title": "x"}),
        ("DELETE", f"/chats/{name}", None),
        ("GET", f"/chats/{name}/messages", None),
        ("POST", f"/chats/{name}/messages", {"text": "a"}),
        ("GET", f"/runs/{name}", None),
        ("DELETE", f"/runs/{name}", None),
        ("GET", f"/runs/{name}/events", None),
    ):
        with pytest.raises(Refused) as caught:
            await client.request(method, path, body)
        assert caught.value.status == 404, (method, path)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/chats", {"limit": "0"}),
        ("/chats", {"limit": "1000"}),
        ("/chats", {"limit": "ten"}),
        ("/chats", {"cursor": "nonsense"}),
        ("/chats", {"cursor": ""}),
        ("/chats", {"archived": "perhaps"}),
        ("/chats", {"q": "x" * 300}),
        ("/chats", {"q": "a\0b"}),
        ("/chats/{chat}/messages", {"limit": "-1"}),
        ("/chats/{chat}/messages", {"cursor": "nonsense"}),
        ("/chats/{chat}/messages", {"leaf": "no id"}),
        ("/events", {"chat_id": "no id"}),
    ],
)
async def test_a_bad_query_is_refused(client: Client, path: str, params: dict[str, str]) -> None:
    chat = await client.new_chat()
    with pytest.raises(Refused) as caught:
        await client.request("GET", path.format(chat=chat), params=params)
    assert (caught.value.status, caught.value.code) == (400, "invalid_request")


async def test_a_verb_that_a_path_does_not_have_is_told_in_json(jp_fetch: Callable[..., Any], client: Client) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch("api", "aichat", "v1", "me", method="PUT", body=b"{}")
    assert caught.value.response is not None
    assert (caught.value.code, json.loads(caught.value.response.body)["code"]) == (405, "method_not_allowed")


async def test_a_fault_of_ours_tells_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_aichat.engine.chats import Chats

    async def broken(*_: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(Chats, "list", broken)
    with pytest.raises(HTTPClientError) as caught:
        await client._fetch("api", "aichat", "v1", "chats")
    assert caught.value.response is not None
    body = json.loads(caught.value.response.body)
    assert (caught.value.code, body["code"]) == (500, "internal")
    assert "secret" not in json.dumps(body)


async def test_bad_frames_from_the_socket_do_the_same(client: Client) -> None:
    ids = await _filled(client)
    before = await _state(client)
    socket = await client.socket()
    for fields in ({}, {"text": ""}, {"text": "a", "owner_id": "x"}, {"text": "a", "options": {"num_gpu": 1}}):
        assert (await socket.ask("send", chat_id=ids["chat"], **fields))["type"] == "error"
    assert await _state(client) == before
