"""Our own form: what was written is what is read, and nothing else is taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.transfer import own
from jupyter_aichat.transfer.reading import Fault, chats_in
from tests.transfer.conversations import conversations, without_ids

Json = dict[str, Any]


def written(conversation: Conversation) -> bytes:
    return own.whole(conversation.chat, iter(conversation.messages), now())


def read(data: bytes) -> list[Conversation]:
    return [each.read() for each in chats_in(data)]


@settings(max_examples=200, deadline=None)
@given(conversations())
def test_what_was_exported_is_imported(conversation: Conversation) -> None:
    (found,) = read(written(conversation))
    assert without_ids(found) == without_ids(conversation)
    (again,) = read(written(found))
    assert without_ids(again) == without_ids(found)
    ids = {each.id for each in conversation.messages} | {conversation.chat.id}
    assert ids.isdisjoint({each.id for each in found.messages} | {found.chat.id})


def document(**changes: Any) -> Json:
    when = "2026-11-24T12:00:00Z"
    question = {"id": "q", "parent_id": None, "role": "user", "parts": [{"type": "text", "text": "Why?"}], "status": "completed", "created_at": when}  # fmt: skip
    answer = {**question, "id": "a", "parent_id": "q", "role": "assistant"}
    chat = {
        "id": "c",
        "title": "T",
        "created_at": when,
        "updated_at": when,
        "messages": [question, answer],
        "active_leaf": "a",
    }
    return {"format": "jupyter_aichat", "version": 1, "exported_at": when, "chats": [chat], **changes}


def changed(*path: Any) -> Callable[[Json], None]:
    """Put the last of the words where the others lead; None takes away what is there."""
    *way, last, value = path

    def change(found: Any) -> None:
        found = found["chats"][0]
        for step in way:
            found = found[step]
        found[last] = value

    return change


WRONG = {
    "$.chats[0].messages[1].parent_id": [changed("messages", 1, "parent_id", "elsewhere"), changed("messages", 1, "parent_id", "a")],
    "$.chats[0].messages[0].parent_id": [changed("messages", 0, "parent_id", "a")],
    "$.chats[0].messages[1].id": [changed("messages", 1, "id", "q"), changed("messages", 1, "id", "a/b"), changed("messages", 1, "id", "a\n")],
    "$.chats[0].messages[1].role": [changed("messages", 1, "role", "system"), changed("messages", 1, "role", "user"), changed("messages", 1, "parent_id", None)],
    "$.chats[0].messages[1].created_at": [changed("messages", 1, "created_at", "2026-11-24T12:00:00"), changed("messages", 1, "created_at", 7)],
    "$.chats[0].messages[1].usage": [changed("messages", 1, "usage", {"prompt_tokens": -1}), changed("messages", 1, "usage", {"prompt_tokens": 2**60})],
    "$.chats[0].messages[0].status": [changed("messages", 0, "status", "streaming")],
    "$.chats[0].messages[0].parts": [changed("messages", 0, "parts", []), changed("messages", 0, "parts", [{"type": "thinking", "text": ""}])],
    "$.chats[0].messages[0].parts[0]": [changed("messages", 0, "parts", 0, "text", "a\0b")],
    "$.chats[0].messages[1].parts[0].arguments": [
        changed("messages", 1, "parts", [{"type": "tool_call", "id": "", "name": "", "arguments": {"a": ["\0"]}}]),
    ],
    "$.chats[0].messages[1].error.details": [
        changed("messages", 1, "error", {"code": "c", "message": "m", "details": {"a": "b" * 70_000}}),
    ],
    "$.chats[0].messages[1].parts": [changed("messages", 1, "parts", [{"type": "text", "text": "x" * 3_000_000}] * 2), changed("messages", 1, "parts", [{"type": "text", "text": "\N{GRINNING FACE}" * 4_000_000}])],
    "$.chats[0].active_leaf": [changed("active_leaf", "b")],
    "$.chats[0].title": [changed("title", "t" * 501)],
    "$.chats[0].options.temperature": [changed("options", {"temperature": 3})],
    "$.chats[0]": [changed("owner_id", "eve"), changed("title", "a\0b"), changed("model", "a\0b")],
    "$.chats[0].messages[1]": [changed("messages", 1, "n", 7), changed("messages", 1, "chat_id", "c"), changed("messages", 1, {"$ne": 1})],
}  # fmt: skip


@pytest.mark.parametrize(
    ("place", "change"),
    [pytest.param(place, change, id=place) for place, changes in WRONG.items() for change in changes],
)
def test_what_is_wrong_is_refused_and_its_place_told(place: str, change: Callable[[Json], None]) -> None:
    found = document()
    change(found)
    with pytest.raises(Fault) as refused:
        read(json.dumps(found).encode())
    assert refused.value.details["path"] == place
    assert refused.value.code == "invalid_request"


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "$"),
        (b"\xff\xfe", "$"),
        (b"7", "$"),
        (b"[]", "$"),
        (b"{}", "$"),
        (b'{"format": "jupyter_aichat"', "$"),
        (b"[" * 100_000, "$"),
        (json.dumps(document(format="another")).encode(), "$.format"),
        (json.dumps(document(version=2)).encode(), "$.version"),
        (json.dumps(document(version="1")).encode(), "$.version"),
        (json.dumps(document(chats=[{}] * 10_001)).encode(), "$.chats"),
        (json.dumps(document(chats={"$gt": ""})).encode(), "$.chats"),
        (json.dumps(document(owner_id="eve")).encode(), "$"),
        (msgspec.json.encode([1]), "$[0]"),
    ],
)
def test_a_file_that_is_none_is_refused(data: bytes, place: str) -> None:
    with pytest.raises(Fault) as refused:
        read(data)
    assert refused.value.details["path"] == place


def test_answers_that_were_being_written_have_ended() -> None:
    found = document()
    found["chats"][0]["messages"][1]["status"] = "streaming"
    (chat,) = read(json.dumps(found).encode())
    assert (chat.messages[1].status, chat.messages[1].reason) == ("interrupted", "imported")


def test_a_file_of_somebody_who_has_no_chats_is_one() -> None:
    assert read(own.head(now()) + own.end()) == []


def test_a_chat_may_have_so_many_messages() -> None:
    found = document()
    found["chats"][0]["messages"] *= 10_001
    with pytest.raises(Fault, match="20000") as refused:
        read(json.dumps(found).encode())
    assert refused.value.details["path"] == "$.chats[0].messages"


def test_a_chat_that_cannot_be_read_does_not_keep_the_next_from_being_read() -> None:
    found = document()
    found["chats"] = [{"id": "x"}, found["chats"][0]]
    bad, good = chats_in(json.dumps(found).encode())
    with pytest.raises(Fault):
        bad.read()
    assert good.read().chat.title == "T"
