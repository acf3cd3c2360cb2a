"""Shared chats read while they are written, and how that ends."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from jupyter_aichat.auth.administration import COMMAND_LINE
from tests.service_app.process import ORIGIN, Person, Service
from tests.service_app.reader import Reader, reading, text_of

WRITING = "endless-20"
AT_ONCE_S = 2.0
LONG = 14
"""Questions of half a megabyte, which are more than the buffers of a connection hold."""


def begin(person: Person, title: str = "Moons") -> tuple[str, Any]:
    """Begin a chat whose answer goes on and on."""
    chat: str = person.json("POST", "/chats", {"title": title})["id"]
    return chat, person.json("POST", f"/chats/{chat}/messages", {"text": "How many?", "model": WRITING})


def link(person: Person, chat: str, **wish: Any) -> Any:
    return person.json("POST", f"/chats/{chat}/shares", wish)


async def off_the_loop(work: Any, *args: Any) -> Any:
    """Ask without holding the readers up."""
    return await asyncio.to_thread(work, *args)


def has_text(reader: Reader) -> bool:
    return len(reader.text()) > 10


async def test_an_answer_is_read_as_it_grows_to_its_end(service: Service, ada: Person, eve: Person) -> None:
    """By several at once, from whenever they come, each the same as the owner has in the end."""
    chat, sent = begin(ada)
    token, named = link(ada, chat)["token"], link(ada, chat, **{"with": "Eve"})["id"]
    async with reading(service, token) as first:
        await first.wait(has_text)
        async with reading(service, named, eve.token) as second:
            await second.wait(has_text)
            before = first.text()
            await first.wait(lambda each: len(each.text()) > len(before) + 10)
            await off_the_loop(ada.http.delete, f"/runs/{sent['run']['id']}")
            for reader in (first, second):
                await reader.wait(lambda each: each.status_of() == "stopped")
            final = text_of((await off_the_loop(ada.json, "GET", f"/chats/{chat}/messages"))["items"][-1])
            assert first.text() == second.text() == final
            assert [each["type"] for each in first.frames[:2]] == ["chat", "messages"]
            assert not first.over


async def test_readers_see_later_questions_another_branch_and_another_title(service: Service, ada: Person) -> None:
    chat = ada.json("POST", "/chats", {})["id"]
    async with reading(service, link(ada, chat)["token"]) as reader:
        await reader.wait(lambda each: each.frames)
        assert reader.messages() == []

        def ask(path: str, text: str) -> Any:
            return ada.json("POST", f"/chats/{chat}/messages{path}", {"text": text, "model": "counter-5-1"})

        first = await off_the_loop(ask, "", "one")
        await reader.wait(lambda each: each.status_of() == "completed" and len(each.messages()) == 2)
        second = await off_the_loop(ask, "", "two")
        await reader.wait(lambda each: each.status_of() == "completed" and len(each.messages()) == 4)
        edited = await off_the_loop(ask, f"/{second['message']['id']}/edit", "three")
        await reader.wait(lambda each: each.status_of() == "completed" and "three" in each.text(2))
        shown = [first["message"], first["reply"], edited["message"], edited["reply"]]
        assert [each["id"] for each in reader.messages()] == [each["id"] for each in shown]
        back = {"active_leaf": second["reply"]["id"], "title": "Numbers"}
        await off_the_loop(ada.json, "PATCH", f"/chats/{chat}", back)
        await reader.wait(lambda each: each.text(2) == "two")
        assert [each["title"] for each in reader.frames if each["type"] == "chat"][-1] == "Numbers"
        assert ada.owner_id not in reader.raw
        assert chat not in reader.raw
        assert first["run"]["id"] not in reader.raw


async def test_what_is_written_in_another_branch_is_not_sent(service: Service, ada: Person) -> None:
    """Also not the rest of an answer that the owner has turned away from while it was written."""
    chat, sent = begin(ada)
    async with reading(service, link(ada, chat)["token"]) as reader:
        await reader.wait(has_text)
        edit = {"text": "Something else.", "model": "counter-5-1"}
        path = f"/chats/{chat}/messages/{sent['message']['id']}/edit"
        await off_the_loop(ada.json, "POST", path, edit)
        await reader.wait(lambda each: "else" in each.text(0) and each.status_of() == "completed")
        count = len(reader.frames)
        other = await off_the_loop(ada.json, "POST", path, edit)
        await reader.wait(lambda each: each.messages()[-1]["id"] == other["reply"]["id"])
        assert sent["reply"]["id"] not in str(reader.frames[count:])
    ada.http.delete(f"/runs/{sent['run']['id']}")


async def test_nothing_of_other_chats_comes_along(service: Service, ada: Person) -> None:
    chat = ada.json("POST", "/chats", {"title": "Moons"})["id"]
    async with reading(service, link(ada, chat)["token"]) as reader:
        await reader.wait(lambda each: each.frames)
        await off_the_loop(ada.send, "counter-5-1", "canary-elsewhere")
        await off_the_loop(ada.json, "PATCH", f"/chats/{chat}", {"title": "Stars"})
        await reader.wait(lambda each: each.frames[-1].get("title") == "Stars")
        assert "canary-elsewhere" not in reader.raw
        assert {each["type"] for each in reader.frames} == {"chat", "messages"}


async def _revoke(service: Service, owner: Person, chat: str, share: str) -> None:
    await off_the_loop(owner.json, "DELETE", f"/chats/{chat}/shares/{share}")


async def _delete_chat(service: Service, owner: Person, chat: str, share: str) -> None:
    await off_the_loop(owner.json, "DELETE", f"/chats/{chat}")


async def _disable_owner(service: Service, owner: Person, chat: str, share: str) -> None:
    await off_the_loop(
        service.with_accounts, lambda each: each.administration.disable(COMMAND_LINE, ORIGIN, owner.owner_id)
    )


async def _delete_owner(service: Service, owner: Person, chat: str, share: str) -> None:
    await off_the_loop(service.with_accounts, lambda each: each.accounts.erase(owner.owner_id))


@pytest.mark.parametrize("end", [_revoke, _delete_chat, _disable_owner, _delete_owner])
async def test_readers_are_shown_out_at_once(service: Service, eve: Person, end: Any) -> None:
    """In the middle of an answer, whoever ends it in whichever process; those of other shares read on."""
    owner = await off_the_loop(service.person, f"Owner {end.__name__.strip('_')}".replace("_", " "))
    chat, sent = begin(owner)
    share, named = link(owner, chat), link(owner, chat, **{"with": "Eve"})
    async with reading(service, share["token"]) as reader, reading(service, named["id"], eve.token) as beside:
        await reader.wait(has_text)
        await end(service, owner, chat, share["id"])
        ended_at = time.monotonic()
        await reader.wait_for_end(AT_ONCE_S + 0.5)
        assert time.monotonic() - ended_at < AT_ONCE_S + 0.5
        if end is _revoke:
            before = beside.text()
            await beside.wait(lambda each: len(each.text()) > len(before))
            assert not beside.over
        else:
            await beside.wait_for_end(AT_ONCE_S + 0.5)
    owner.http.delete(f"/runs/{sent['run']['id']}")


async def test_readers_are_shown_out_by_the_clock(service: Service, ada: Person) -> None:
    chat, sent = begin(ada)
    async with reading(service, link(ada, chat, expires_in=1)["token"]) as reader:
        await reader.wait(has_text)
        await reader.wait_for_end(1 + AT_ONCE_S)
    ada.http.delete(f"/runs/{sent['run']['id']}")


async def test_a_reader_with_an_account_reads_as_long_as_the_login_holds(service: Service, ada: Person) -> None:
    chat, sent = begin(ada)
    tom = await off_the_loop(service.person, "Tom")
    share = link(ada, chat, **{"with": "Tom"})
    async with reading(service, share["id"], tom.token) as reader:
        await reader.wait(has_text)
        await off_the_loop(
            service.with_accounts, lambda each: each.accounts.end_session(tom.owner_id, tom.session_id, ORIGIN)
        )
        await reader.wait(lambda each: each.over, AT_ONCE_S + 0.5)
        assert {"type": "end"} not in reader.frames
    assert tom.http.get(f"/shared/{share['id']}/events").status_code == 401
    ada.http.delete(f"/runs/{sent['run']['id']}")


async def test_a_reader_who_takes_nothing_is_shown_out_too(service: Service, ada: Person) -> None:
    """What was not taken yet waits in no buffer of ours for later."""
    chat = ada.json("POST", "/chats", {"title": "Long"})["id"]
    for _ in range(LONG):
        sent = ada.json("POST", f"/chats/{chat}/messages", {"text": "x" * 500_000, "model": "counter-5-1"})
        ada.http.get(f"/runs/{sent['run']['id']}/events")
    share, address = link(ada, chat), urlsplit(service.base)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((address.hostname, address.port))
        path = f"{address.path}/shared/{share['token']}/events"
        reader.sendall(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        assert reader.recv(100).startswith(b"HTTP/1.1 200 ")
        port = reader.getsockname()[1]
        assert connected(service, port)
        ada.json("DELETE", f"/chats/{chat}/shares/{share['id']}")
        deadline = time.monotonic() + AT_ONCE_S + 0.5
        while connected(service, port):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


def connected(service: Service, port: int) -> bool:
    """Whether the service still holds a connection to a port of ours."""
    connections = psutil.Process(service.process.pid).net_connections("tcp")
    return any(tuple(each.raddr)[1:] == (port,) for each in connections)
