"""What a server has of a chat."""

from __future__ import annotations

from typing import Any

from tests.server.process import Server

Json = dict[str, Any]


def newest_chat(server: Server) -> Json:
    found: Json = server.json("GET", "/chats")["items"][0]
    return found


def messages(server: Server, chat_id: str) -> list[Json]:
    found: list[Json] = server.json("GET", f"/chats/{chat_id}/messages?limit=200")["items"]
    return found


def text_of(message: Json) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def texts(server: Server, chat_id: str) -> list[str]:
    return [text_of(message) for message in messages(server, chat_id)]


def shown_branch(server: Server) -> list[str]:
    """The texts of the newest chat's active branch, root first."""
    chat = newest_chat(server)
    path = server.json("GET", f"/chats/{chat['id']}/messages?leaf={chat['active_leaf']}&limit=200")["items"]
    return [text_of(message) for message in reversed(path)]
