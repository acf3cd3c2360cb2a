"""Chats as files over HTTP: export, import, what is refused."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any

import nbformat
import pytest
from tornado.httpclient import HTTPResponse

from jupyter_aichat.app import AIChatApp
from tests.server.client import API, Client, Refused, counted

Json = dict[str, Any]
Fetch = Callable[..., Awaitable[HTTPResponse]]


@pytest.fixture
def aichat_config() -> Json:
    return {"import_bytes": 1_500_000}


@pytest.fixture
def jp_server_config(jp_server_config: Json) -> Json:
    return {**jp_server_config, "Engine": {"max_chats": 4}}


async def told(client: Client, title: str = 'Fractions: 1/2 & "x" … ünïcode') -> str:
    """A chat with two branches, the newer of which is the active one."""
    chat = await client.new_chat(title=title)
    first = await client.send(chat, "First?")
    await client.wait_for_end(first["run"]["id"])
    other = await client.post(f"/chats/{chat}/messages/{first['message']['id']}/edit", {"text": "Second?"})
    await client.wait_for_end(other["run"]["id"])
    return chat


async def exported(fetch: Fetch, *path: str, **params: str) -> HTTPResponse:
    return await fetch(*API, *path, method="GET", params=params)


async def imported(client: Client, data: bytes) -> Json:
    return (await client.request("POST", "/import", raw=data))[1]


def up_to_ids(document: Json) -> Any:
    places: dict[Any, Any] = {None: None}
    for chat in document["chats"]:
        places |= {message["id"]: n for n, message in enumerate(chat["messages"])}
        chat["id"] = None
        chat["active_leaf"] = places[chat["active_leaf"]]
        for message in chat["messages"]:
            message["id"], message["parent_id"] = None, places[message["parent_id"]]
    return document["chats"]


async def test_a_chat_comes_back_as_it_was(client: Client, jp_fetch: Fetch) -> None:
    chat = await told(client)
    answer = await exported(jp_fetch, "chats", chat, "export")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"Fractions-1-2-x-_n_code.json\"; filename*=UTF-8''Fractions-1-2-x-%C3%BCn%C3%AFcode.json"
    )
    document = json.loads(answer.body)
    assert (document["format"], document["version"]) == ("jupyter_aichat", 1)
    (reply,) = (await imported(client, answer.body))["items"]
    assert reply["messages"] == 4
    assert reply["id"] != chat
    again = await exported(jp_fetch, "chats", reply["id"], "export")
    assert up_to_ids(json.loads(again.body)) == up_to_ids(document)
    sent = await client.send(reply["id"], "And on?")
    assert (await client.wait_for_end(sent["run"]["id"]))["state"] == "completed"


async def test_people_read_the_active_branch(client: Client, jp_fetch: Fetch) -> None:
    chat = await told(client)
    answer = await exported(jp_fetch, "chats", chat, "export", format="markdown")
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    text = answer.body.decode()
    assert text.startswith('# Fractions: 1/2 \\& "x" … ünïcode\n')
    assert [line for line in text.split("\n") if line in ("First?", "Second?")] == ["Second?"]
    assert counted(40).strip() in text


@pytest.mark.parametrize("questions", ["markdown", "chat"])
async def test_a_notebook_is_one(client: Client, jp_fetch: Fetch, questions: str) -> None:
    chat = await told(client)
    answer = await exported(
        jp_fetch, "chats", chat, "export", format="notebook", questions=questions, code_cells="true"
    )
    assert answer.headers["Content-Type"] == "application/x-ipynb+json"
    notebook = nbformat.reads(answer.body.decode(), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    kinds = [(cell.cell_type, cell.source.split("\n")[0].partition(" ·")[0]) for cell in notebook.cells]
    asked = ("markdown", "## You") if questions == "markdown" else ("code", "%%chat --raw")
    assert kinds[1:] == [asked, ("markdown", "## Assistant")]


async def test_all_chats_are_one_file_or_an_archive(client: Client, jp_fetch: Fetch) -> None:
    for title in ("Same", "same", "../../etc/passwd"):
        await client.new_chat(title=title)
    document = json.loads((await exported(jp_fetch, "export")).body)
    assert sorted(chat["title"] for chat in document["chats"]) == ["../../etc/passwd", "Same", "same"]
    answer = await exported(jp_fetch, "export", format="markdown")
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert sorted(name.lower() for name in archive.namelist()) == ["etc-passwd.md", "same-2.md", "same.md"]
        assert archive.read("etc-passwd.md").decode().startswith("# ../../etc/passwd")


async def test_a_chat_that_is_not_there_has_no_file(client: Client) -> None:
    with pytest.raises(Refused) as refused:
        await client.get("/chats/nowhere/export")
    assert refused.value.code == "not_found"
    with pytest.raises(Refused) as refused:
        await client.get(f"/chats/{await client.new_chat()}/export", format="exe")
    assert refused.value.code == "invalid_request"


async def test_an_answer_that_is_being_written_is_imported_as_ended(client: Client, jp_fetch: Fetch) -> None:
    chat = await client.new_chat()
    sent = await client.send(chat, model="endless-50")
    answer = await exported(jp_fetch, "chats", chat, "export")
    await client.delete(f"/runs/{sent['run']['id']}")
    (reply,) = (await imported(client, answer.body))["items"]
    messages = (await client.get(f"/chats/{reply['id']}/messages"))["items"]
    assert [message["status"] for message in messages] == ["completed", "interrupted"]
    assert messages[1]["run_id"] is None


async def test_other_views_hear_of_it(client: Client, jp_fetch: Fetch) -> None:
    answer = await exported(jp_fetch, "chats", await told(client), "export")
    socket = await client.socket()
    (reply,) = (await imported(client, answer.body))["items"]
    frame = (await socket.until("chat_changed"))[-1]
    assert (frame["chat_id"], frame["change"]) == (reply["id"], "created")


async def test_each_chat_is_imported_as_a_whole_or_not_at_all(client: Client, jp_fetch: Fetch) -> None:
    document = json.loads((await exported(jp_fetch, "chats", await told(client), "export")).body)
    good, bad = document["chats"][0], json.loads(json.dumps(document["chats"][0]))
    bad["messages"][3]["parent_id"] = "elsewhere"
    document["chats"] = [bad, good]
    reply = await imported(client, json.dumps(document).encode())
    assert (reply["imported"], reply["failed"]) == (1, 1)
    assert reply["failures"][0]["path"] == "$.chats[0]"
    assert "$.chats[0].messages[3].parent_id" in reply["failures"][0]["message"]
    assert len((await client.get("/chats"))["items"]) == 2
    document["chats"] = [bad]
    with pytest.raises(Refused) as refused:
        await imported(client, json.dumps(document).encode())
    assert (refused.value.status, refused.value.body["details"]["path"]) == (400, "$.chats[0].messages[3].parent_id")
    assert len((await client.get("/chats"))["items"]) == 2


async def test_there_is_room_for_so_many_chats(client: Client, jp_fetch: Fetch) -> None:
    document = json.loads((await exported(jp_fetch, "chats", await told(client), "export")).body)
    document["chats"] *= 5
    reply = await imported(client, json.dumps(document).encode())
    assert (reply["imported"], reply["failed"]) == (3, 2)
    assert {each["code"] for each in reply["failures"]} == {"too_many_chats"}
    socket = await client.socket()
    refusals = [await socket.ask("send", text="One more."), (await _refused(client.new_chat())).body]
    refusals.append((await _refused(imported(client, json.dumps(document).encode()))).body)
    assert [each["code"] for each in refusals] == ["too_many_chats"] * 3
    await client.delete(f"/chats/{reply['items'][0]['id']}")
    assert await client.new_chat()


async def _refused(asked: Awaitable[Any]) -> Refused:
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value


async def test_a_file_is_as_large_as_the_operator_says(client: Client, jp_fetch: Fetch) -> None:
    document = json.loads((await exported(jp_fetch, "chats", await told(client), "export")).body)
    document["chats"][0]["messages"][0]["parts"][0]["text"] = "x" * 1_200_000  # more than other bodies may have
    assert (await imported(client, json.dumps(document).encode()))["imported"] == 1
    refused = await _refused(imported(client, b" " * 1_500_001))
    assert (refused.status, refused.code, refused.body["details"]["limit"]) == (413, "too_large", 1_500_000)


async def test_one_file_at_a_time(client: Client, started: AIChatApp) -> None:
    let_go = started.host.uploads.begin("local")
    refused = await _refused(imported(client, b"[]"))
    assert (refused.status, refused.code) == (503, "queue_full")
    let_go()
    for _ in range(3):  # whatever became of it, its place is free again
        assert (await _refused(imported(client, b"[]"))).code == "invalid_request"
    both = await asyncio.gather(imported(client, b"[]"), imported(client, b"[]"), return_exceptions=True)
    assert {each.code for each in both if isinstance(each, Refused)} <= {"queue_full", "invalid_request"}
    assert (await _refused(imported(client, b"[]"))).code == "invalid_request"
