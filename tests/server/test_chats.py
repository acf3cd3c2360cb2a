"""Chats over HTTP."""

from __future__ import annotations

import pytest

from tests.server.client import Client, Refused


async def test_a_chat_lives_and_dies(client: Client) -> None:
    status, chat = await client.request("POST", "/chats", {"title": "First", "model": "echo"})
    assert status == 201
    path = f"/chats/{chat['id']}"
    assert await client.get(path) == chat
    changed = (await client.request("PATCH", path, {"title": "Second", "pinned": True}))[1]
    assert (changed["title"], changed["pinned"], changed["model"]) == ("Second", True, "echo")
    assert (await client.get("/chats"))["items"] == [changed]
    assert await client.delete(path) == (204, {})
    for again in (client.delete(path), client.get(path), client.request("PATCH", path, {"title": "x"})):
        with pytest.raises(Refused) as caught:
            await again
        assert (caught.value.status, caught.value.code) == (404, "not_found")
