"""Jupyter Chat's ``.chat`` files, which jupyter-ai has its chats in: a list of messages, and who wrote them."""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.transfer import foreign
from jupyter_aichat.transfer.fault import convert

_BOTS = ("jupyter-ai-personas::", "jupyternaut", "jupyter-ai")


class _Message(msgspec.Struct, frozen=True):
    id: str
    body: str = ""
    time: float | None = None
    sender: str = ""
    deleted: bool | None = None


class _User(msgspec.Struct, frozen=True):
    bot: bool | None = None


class _Chat(msgspec.Struct, frozen=True):
    messages: list[_Message]
    users: dict[str, _User]


def conversation(raw: msgspec.Raw, place: str) -> Conversation:
    """Return the chat of the file, which has no title: its first question is one; raises `Fault`."""
    chat: _Chat = convert(raw, _Chat, place)
    nodes: dict[str, foreign.Node] = {}
    before: str | None = None
    for number, message in enumerate(chat.messages):
        name, bot = str(number), _is_bot(message.sender, chat.users)
        parts = (foreign.text_part(message.body),) if message.body.strip() and not message.deleted else ()
        nodes[name] = foreign.Node(name, before, "assistant" if bot else "user", parts, message.time)
        before = name
    title = next((" ".join(each.body.split())[:60] for each in chat.messages if each.body.strip()), "")
    times = [message.time for message in chat.messages if message.time]
    return foreign.conversation(
        foreign.Story(title, nodes, place, created=min(times, default=None), updated=max(times, default=None))
    )


def _is_bot(sender: str, users: dict[str, _User]) -> bool:
    user = users.get(sender)
    if user is not None and user.bot is not None:
        return user.bot
    return sender.lower().startswith(_BOTS)
