"""What a chat is called after its first message."""

from __future__ import annotations

import time

import pytest

from jupyter_aichat.engine.title import title_from

READ = [
    ("Hello **there**", "Hello there"),
    ("**Why** does it *fail*?", "Why does it fail?"),
    ("***Both*** and ~~neither~~", "Both and neither"),
    ("**bold with *more* in it**", "bold with more in it"),
    ("What does `np.linalg.cond` say?", "What does np.linalg.cond say?"),
    ("See [the docs](https://a.example/b) and ![a plot](plot.png)", "See the docs and a plot"),
    ("# A heading\nand more", "A heading"),
    ("> - quoted, in a list", "quoted, in a list"),
    ("\n\n---\n\nAfter a rule", "After a rule"),
    ("```python\nimport numpy\n```", "import numpy"),
    ("~~~\nplain\n~~~", "plain"),
    ("**为什么**不行", "为什么不行"),
]

LEFT = [
    "What is 2**3 and 4**5?",
    "a * b * c",
    "What do *args and **kwargs do?",
    "*args, **kwargs",
    "What is __init__ for in snake_case_names?",
    "Which is better, C or C#",
    "#include <vector> is not found",
    "-1 modulo 5",
    "rows[0](x y) is no link",
    "1. Weltkrieg",
    "an open **mark",
    "???",
]


@pytest.mark.parametrize(("text", "title"), READ)
def test_a_title_is_read_without_the_marks_of_markdown(text: str, title: str) -> None:
    assert title_from(text) == title


@pytest.mark.parametrize("text", LEFT)
def test_what_only_looks_like_a_mark_stays(text: str) -> None:
    assert title_from(text) == text


def test_marks_in_code_are_the_codes_own() -> None:
    assert title_from("Why is `a ** b ** c` so big?") == "Why is a ** b ** c so big?"


@pytest.mark.parametrize("text", ["", " \n\t\n", "***", "```\n```", "# \n> \n- "])
def test_a_text_that_says_nothing_has_no_title(text: str) -> None:
    assert title_from(text) == ""


def test_a_long_line_is_cut_at_a_word() -> None:
    title = title_from("**Explain** to me, as if I had never heard of it, what a covariance matrix is")
    assert title == "Explain to me, as if I had never heard of it, what a…"


@pytest.mark.parametrize(
    "unit", ["`", "`a``b```c", "*a ", "**a *b ", "~~a", "~", "[", "![a](", "> ", "- ", " ", "*`a~~[", "\n"]
)
def test_no_text_costs_much(unit: str) -> None:
    text = unit * (1_000_000 // len(unit)) + "end"
    began = time.process_time()
    title_from(text)
    assert time.process_time() - began < 1.0
