"""Exports of others: what a person would expect of them, and what must not come of hostile ones."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.part import TextPart, ThinkingPart
from jupyter_aichat.transfer.reading import Fault, chats_in

Json = dict[str, Any]


def read(*documents: Any) -> list[Conversation]:
    whole = documents[0] if len(documents) == 1 else list(documents)
    return [each.read() for each in chats_in(json.dumps(whole).encode())]


def lines(chat: Conversation) -> list[tuple[int, str, str, str]]:
    """Depth, role, text and status of each message."""
    texts = ("|".join(getattr(part, "text", "?") for part in each.parts) for each in chat.messages)
    return [(d, m.role, t, m.status) for d, m, t in zip(chat.depths(), chat.messages, texts, strict=True)]


def said(name: str, parent: str | None, role: str, content: Any, **fields: Any) -> Json:
    """A node as ChatGPT has it."""
    content = {"content_type": "text", "parts": [content]} if isinstance(content, str) else content
    message = {"id": name, "author": {"role": role, "name": None, "metadata": {}}, "create_time": 1714585031.15, "content": content, "status": "finished_successfully", "metadata": {}, "recipient": "all"}  # fmt: skip
    return {name: {"id": name, "message": {**message, **fields}, "parent": parent, "children": []}}


def chatgpt(*nodes: Json, leaf: str) -> Json:
    mapping: Json = {"root": {"id": "root", "message": None, "parent": None, "children": []}}
    for node in nodes:
        mapping |= node
    return {"title": "Stories", "create_time": 1714585031.148505, "update_time": 1714585060.879308, "mapping": mapping, "current_node": leaf, "is_archived": True}  # fmt: skip


def test_chatgpt() -> None:
    hidden = {"metadata": {"is_visually_hidden_from_conversation": True}}
    chats = read(
        [
            chatgpt(
                said("s", "root", "system", "", **hidden),
                said("x", "s", "user", {"content_type": "user_editable_context", "user_profile": "p"}, **hidden),
                said("q1", "x", "user", "hi there"),
                said("a1", "q1", "assistant", "Hello!", metadata={"model_slug": "gpt-4o"}),
                said("q2", "a1", "user", {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}, "what is it?"]}),
                said("t2", "q2", "assistant", {"content_type": "thoughts", "thoughts": [{"summary": "Look", "content": "I look."}]}),
                said("c2", "t2", "assistant", {"content_type": "code", "language": "python", "text": "1 + 1"}),
                said("o2", "c2", "tool", {"content_type": "execution_output", "text": "2"}),
                said("a2", "o2", "assistant", "Two."),
                said("q3", "a1", "user", "tell me a story"),
                said("a3", "q3", "assistant", "Once", status="in_progress"),
                leaf="a3",
            )
        ]
    )  # fmt: skip
    (chat,) = chats
    assert lines(chat) == [
        (1, "user", "hi there", "completed"),
        (2, "assistant", "Hello!", "completed"),
        (3, "user", "*(image asset pointer)*\n\nwhat is it?", "completed"),
        (4, "assistant", "I look.|```python\n1 + 1\n```\n\n```\n2\n```\n\nTwo.", "completed"),
        (3, "user", "tell me a story", "completed"),
        (4, "assistant", "Once", "interrupted"),
    ]
    assert isinstance(chat.messages[3].parts[0], ThinkingPart)
    assert chat.messages[1].model == "gpt-4o"
    assert (chat.chat.title, chat.chat.archived) == ("Stories", True)
    assert f"{chat.chat.created_at:%Y-%m-%d %H:%M:%S.%f}" == "2024-05-01 17:37:11.148000"
    assert chat.chat.active_leaf == chat.messages[5].id


def test_chatgpt_with_a_chat_that_is_none() -> None:
    bad, good = chats_in(
        json.dumps([{"title": "Corrupted", "id": "x"}, chatgpt(said("q", "root", "user", "hi"), leaf="q")]).encode()
    )
    with pytest.raises(Fault) as refused:
        bad.read()
    assert refused.value.details["path"] == "$[0]"
    assert lines(good.read()) == [(1, "user", "hi", "completed"), (2, "assistant", "", "interrupted")]


def webui(messages: Json, leaf: str | None = None) -> Json:
    inner = {"title": "inner", "models": ["llama3.1:latest"], "history": {"currentId": leaf, "messages": messages}}
    return {"id": "i", "user_id": "u", "title": "Chat", "chat": inner, "created_at": 1700000000, "updated_at": 1700000010, "archived": False, "pinned": True, "meta": {}, "folder_id": None, "share_id": None}  # fmt: skip


def test_open_webui() -> None:
    thought = '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n&gt; 15 * 17\n&gt; is 255\n</details>\n255'
    tool = '<details type="tool_calls"><summary>Tool Executed</summary>"x"</details>Done. <details>mine</details>'
    first = {
        "id": "1",
        "parentId": None,
        "childrenIds": ["2", "3"],
        "role": "user",
        "content": "What?",
        "timestamp": 1700000000,
    }
    (chat,) = read(
        [
            webui(
                {
                    "1": first,
                    "2": {"id": "2", "parentId": "1", "childrenIds": [], "role": "assistant", "content": thought, "model": "deepseek-r1", "timestamp": 1700000010, "done": True},
                    "3": {"id": "3", "parentId": "1", "childrenIds": [], "role": "assistant", "content": tool, "model": "llama3.1:latest", "timestamp": 1700000011},
                },
                "2",
            )
        ]
    )  # fmt: skip
    assert lines(chat) == [
        (1, "user", "What?", "completed"),
        (2, "assistant", "15 * 17\nis 255|255", "completed"),
        (2, "assistant", "Done. <details>mine</details>", "completed"),
    ]
    assert isinstance(chat.messages[1].parts[0], ThinkingPart)
    assert (chat.messages[2].model, chat.chat.title, chat.chat.pinned) == ("llama3.1:latest", "Chat", True)
    assert chat.chat.active_leaf == chat.messages[1].id


@pytest.mark.parametrize("hostile", ["<details " * 30_000, "<details>" + " " * 100_000, "<details>" * 30_000])
def test_open_webui_with_tags_that_do_not_end(hostile: str) -> None:
    """While a pattern is matched nothing else in the process runs."""
    begun = time.process_time()
    (chat,) = read([webui({"1": {"id": "1", "parentId": None, "role": "user", "content": f"What? {hostile}"}})])
    assert time.process_time() - begun < 2
    assert chat.messages[0].parts == (TextPart(f"What? {hostile}"),)


def test_librechat_in_both_its_shapes() -> None:
    question = {"messageId": "q", "parentMessageId": "00000000-0000-0000-0000-000000000000", "sender": "User", "text": "Why?", "isCreatedByUser": True, "createdAt": "2024-05-01T16:35:11.530Z"}  # fmt: skip
    one = {
        "messageId": "a",
        "parentMessageId": "q",
        "sender": "GPT",
        "text": "So.",
        "isCreatedByUser": False,
        "model": "gpt-4-turbo",
    }
    two = {**one, "messageId": "b", "text": "", "content": [{"type": "think", "think": "Hm."}, {"type": "text", "text": {"value": "Thus."}}], "unfinished": True}  # fmt: skip
    head = {
        "conversationId": "c",
        "endpoint": "openAI",
        "title": "T",
        "exportAt": "13:18:04",
        "branches": True,
        "options": {},
    }
    nested = {
        **head,
        "recursive": True,
        "messages": [{**question, "children": [{**one, "children": []}, {**two, "children": []}]}],
    }
    flat = {**head, "recursive": False, "messages": [question, one, two]}
    for document in (nested, flat):
        (chat,) = read(document)
        assert lines(chat) == [
            (1, "user", "Why?", "completed"),
            (2, "assistant", "So.", "completed"),
            (2, "assistant", "Hm.|Thus.", "interrupted"),
        ]
        assert f"{chat.messages[0].created_at:%H:%M:%S.%f}" == "16:35:11.530000"


def test_jupyter_chat() -> None:
    persona = "jupyter-ai-personas::jupyternaut::JupyternautPersona"
    document = {
        "messages": [
            {"body": "What is\nthis?", "id": "1", "time": 1714585031.5, "sender": "ada", "type": "msg"},
            {
                "body": "A notebook.",
                "id": "2",
                "time": 1714585032.5,
                "sender": persona,
                "type": "msg",
                "raw_time": False,
            },
            {"body": "", "id": "3", "time": 1714585033.5, "sender": "ada", "type": "msg", "deleted": True},
            {
                "body": "And what for?",
                "id": "4",
                "time": 1714585034.5,
                "sender": "ada",
                "type": "msg",
                "attachments": [],
            },
            {"body": "Please.", "id": "5", "time": 1714585035.5, "sender": "eve", "type": "msg"},
        ],
        "users": {"ada": {"username": "ada", "name": "Ada"}, persona: {"username": persona, "bot": True}},
        "attachments": {},
        "metadata": {"id": "x"},
    }
    (chat,) = read(document)
    assert lines(chat) == [
        (1, "user", "What is\nthis?", "completed"),
        (2, "assistant", "A notebook.", "completed"),
        (3, "user", "And what for?\n\nPlease.", "completed"),
        (4, "assistant", "", "interrupted"),
    ]
    assert chat.chat.title == "What is this?"


def test_an_answer_that_branches_in_its_middle_is_told_in_both() -> None:
    (chat,) = read(
        [
            chatgpt(
                said("q", "root", "user", "q"),
                said("a", "q", "assistant", "a"),
                said("b", "a", "assistant", "b"),
                said("u", "b", "user", "u"),
                said("c", "b", "assistant", "c"),
                leaf="u",
            )
        ]
    )
    told = {(depth, role, text) for depth, role, text, _ in lines(chat)}
    assert told == {
        (1, "user", "q"),
        (2, "assistant", "a\n\nb"),
        (3, "user", "u"),
        (4, "assistant", ""),
        (2, "assistant", "a\n\nb\n\nc"),
    }


def test_a_chat_that_begins_with_an_answer_gets_a_question() -> None:
    (chat,) = read([chatgpt(said("a", "root", "assistant", "Hello!"), leaf="a")])
    assert lines(chat) == [(1, "user", "…", "completed"), (2, "assistant", "Hello!", "completed")]


@pytest.mark.parametrize(
    "document",
    [
        [chatgpt(said("a", "b", "user", "a"), said("b", "a", "assistant", "b"), leaf="a")],
        [chatgpt(leaf="a")],
        [webui({"1": {"parentId": "1", "role": "user", "content": "a"}})],
        {"conversationId": "c", "messages": [{"messageId": "a", "isCreatedByUser": True, "text": "x"}] * 2},
        [webui({"1": {"role": "user", "content": "a" * 5_000_000}})],
        [{"mapping": {"a": 1}}],
        [{"chat": {"history": []}}],
        {"messages": [], "users": {}},
        {"messages": [{"id": 1}], "users": {}},
    ],
)
def test_trees_that_are_none_are_refused(document: Any) -> None:
    with pytest.raises(Fault, match="at `\\$"):
        read(document)


def test_hostile_trees_take_no_time_and_no_room() -> None:
    """Steps of one answer, each of which goes on in two ways: joined they would be quadratic."""
    nodes = said("q", "root", "user", "q")
    above = "q"
    for n in range(15_000):
        nodes |= said(f"l{n}", above, "assistant", "x" * 200) | said(f"r{n}", above, "assistant", "y")
        above = f"l{n}"
    begun = time.process_time()
    with pytest.raises(Fault, match="too long"):
        read([chatgpt(nodes, leaf=above)])
    assert time.process_time() - begun < 10


NODES = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.tuples(st.sampled_from([None, *"abcdefghz"]), st.sampled_from(["user", "assistant", "tool", "system"]), st.sampled_from(["", "text", "\0"])),
    max_size=8,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(NODES, st.sampled_from([None, *"abz"]))
def test_whatever_comes_is_a_chat_of_ours_or_a_fault(nodes: dict[str, tuple[str | None, str, str]], leaf: str) -> None:
    document = chatgpt(*(said(name, parent, role, text) for name, (parent, role, text) in nodes.items()), leaf=leaf)
    try:
        (chat,) = read([document])
    except Fault:
        return
    roles = {each.id: each.role for each in chat.messages}
    for n, each in enumerate(chat.messages):
        before = roles[each.parent_id] if each.parent_id else None
        assert before in (("assistant", None) if each.role == "user" else ("user",))
        assert each.n == n + 1
        assert all(isinstance(part, TextPart) and "\0" not in part.text for part in each.parts)
    assert chat.chat.active_leaf is not None
    assert roles[chat.chat.active_leaf] == "assistant"
