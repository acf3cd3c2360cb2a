"""A chat as Markdown: what a message says never reaches into the next one, whatever it leaves open."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.ids import ChatId, MessageId
from jupyter_aichat.domain.message import Message, Role
from jupyter_aichat.domain.part import Part, TextPart, ThinkingPart, ToolCallPart
from jupyter_aichat.transfer import markdown

WHEN = datetime(2026, 11, 24, 12, tzinfo=UTC)
READER = MarkdownIt("commonmark").enable("table")

LINES = st.sampled_from(
    [
        *("```", "````", "```python", "~~~", "~~~~ x", "  ```", "   ~~~", "    ```", "      ```py", "\t```", "- ```", "1. ```", "> ```"),
        *("- item", "  - nested", "1. one", "   more", "text", "", "", "    code", "> quoted", "`code`", "``", "```a`b", "``` \t"),
        *("<!--", "-->", "<script>", "<div>", "</div>", "<pre>", "<?php", "<![CDATA[", "<https://a.b>", "# Heading", "---", "==="),
        *("[a]: /url 'title", "$$", "|a|b|", "|-|-|", "\\", "```\u2028", "\u00a0```", "\x0b```", "``` `", "- <div>", "-  \t```"),
    ]
)  # fmt: skip


def message(*parts: Part, role: Role = "assistant", number: int = 1) -> Message:
    return Message(MessageId(f"m{number}"), ChatId("c"), None, role, parts, "completed", number, WHEN, model="m")


def headings(text: str) -> list[str]:
    """The headings of the document itself, and not of what is quoted in it."""
    tokens = READER.parse(text)
    return [tokens[n + 1].content for n, each in enumerate(tokens) if each.type == "heading_open" and each.level == 0]


@settings(max_examples=400, deadline=None)
@given(st.lists(LINES, max_size=9).map("\n".join), st.sampled_from([TextPart, ThinkingPart]))
def test_a_message_ends_before_the_next(text: str, kind: type[TextPart] | type[ThinkingPart]) -> None:
    following = markdown.section(message(TextPart("Next."), role="user", number=2))
    whole = markdown.section(message(kind(text))) + following
    assert headings(whole)[-1] == "You · `m` · 2026-11-24 12:00 UTC"
    tail = READER.parse(whole)[-3:]
    assert [each.type for each in tail] == ["paragraph_open", "inline", "paragraph_close"]
    assert tail[1].content == "Next."
    assert tail[0].level == 0


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES, max_size=9).map("\n".join))
def test_a_block_of_code_holds_what_stands_in_it(text: str) -> None:
    (block,) = READER.parse(markdown.fenced(text, "text"))
    assert block.content.removesuffix("\n").replace("\n", "") == text.replace("\n", "")


def test_what_is_certain_stays_as_it_is() -> None:
    text = "Do this:\n\n1. Install\n   ```bash\n   pip install x\n   ```\n2. Run\n\n> Note\n\n```python\nx = '<div>'\n```\n\nDone."
    assert markdown.bounded(text) == text


def test_an_answer_that_was_stopped_in_its_code_is_closed() -> None:
    assert markdown.bounded("See:\n````python\nx = 1") == "See:\n````python\nx = 1\n````"


def test_where_it_is_not_certain_the_message_is_quoted() -> None:
    assert markdown.bounded("<!-- here\nand on") == "> <!-- here\n> and on"


@pytest.mark.parametrize(
    "title", ["# a", "a](http://evil)", "<script>alert(1)</script>", "two\nlines", "`x", "*", "a\\"]
)
def test_a_title_is_one_heading(title: str) -> None:
    chat = Chat(ChatId("c"), title, WHEN, WHEN, model="mo`del")
    head = markdown.head(chat)
    tokens = READER.parse(head)
    assert [each.type for each in tokens[:3]] == ["heading_open", "inline", "heading_close"]
    children = tokens[1].children or []
    assert [each.type for each in children] == ["text"] * len(children)
    assert "".join(each.content for each in children) == " ".join(title.split())


def test_thinking_tools_and_failures_are_told() -> None:
    said = message(ThinkingPart("Hm.\n```"), ToolCallPart("t", "get_`x`", {"a": "```"}), TextPart("Done."))
    text = markdown.section(said)
    assert '> *Thinking*\n>\n> Hm.\n> ```\n\nTool `get_\'x\'`:\n\n````json\n{\n  "a": "```"\n}\n````\n\nDone.' in text
    failed = Message(
        MessageId("m"), ChatId("c"), None, "assistant", (), "failed", 1, WHEN, error=Failure("timeout", "Too *slow*.")
    )
    assert markdown.section(failed).endswith("*This answer failed: Too \\*slow\\*.*\n")


def test_a_long_line_of_spaces_takes_no_longer_than_others() -> None:
    """While a pattern is matched nothing else in the process runs."""
    begun = time.process_time()
    assert markdown.bounded(" " * 300_000 + "x").endswith(" x")
    assert time.process_time() - begun < 2


def test_what_a_tool_is_asked_for_is_no_longer_than_its_nesting_deserves() -> None:
    arguments: dict[str, Any] = {"a": [1] * 10_000}
    for _ in range(500):
        arguments = {"a": arguments}
    assert len(markdown.section(message(ToolCallPart("t", "deep", arguments)))) < 100_000
