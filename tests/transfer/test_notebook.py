"""A chat as a notebook: valid, and code is code only where it certainly is."""

from __future__ import annotations

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.ids import ChatId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.transfer import notebook
from tests.transfer.test_markdown import LINES, WHEN, message

CHAT = Chat(ChatId("c"), "A chat", WHEN, WHEN)


def cells(
    *messages: Message, questions: notebook.Questions = "markdown", code_cells: bool = True
) -> list[tuple[str, str]]:
    pieces = [cell for each in messages for cell in notebook.cells(each, questions, code_cells=code_cells)]
    data = b",\n".join([notebook.HEAD + notebook.title_cell(CHAT), *pieces]) + notebook.END
    found = nbformat.reads(data.decode(), as_version=nbformat.NO_CONVERT)  # type: ignore[no-untyped-call]
    nbformat.validate(found)
    assert (found.nbformat, found.nbformat_minor) == (4, 5)
    return [(cell.cell_type, cell.source) for cell in found.cells[1:]]


def test_blocks_of_python_become_cells_when_asked() -> None:
    answer = message(
        TextPart("Do:\n\n```python\nx = 1\n\nprint(x)\n```\n\nor\n\n```bash\nls\n```\n\n```py\n```\nDone.")
    )
    head = "## Assistant · `m` · 2026-11-24 12:00 UTC"
    assert cells(answer) == [
        ("markdown", f"{head}\n\nDo:"),
        ("code", "x = 1\n\nprint(x)"),
        ("markdown", "or\n\n```bash\nls\n```"),
        ("code", ""),
        ("markdown", "Done."),
    ]
    assert [kind for kind, _ in cells(answer, code_cells=False)] == ["markdown"]


@pytest.mark.parametrize(
    "text",
    [
        "~~~\n```python\nimport os\n```\n~~~",
        "- ```python\n  import os\n  ```",
        "    ```python\n    import os\n    ```",
        "<!--\n```python\nimport os\n```\n-->",
        "> ```python\n> import os\n> ```",
        "```python\nimport os",
    ],
)
def test_what_is_not_certainly_code_stays_text(text: str) -> None:
    assert [kind for kind, _ in cells(message(TextPart(text)))] == ["markdown"]


def test_questions_become_cells_that_ask_again() -> None:
    question = message(TextPart("%magic\n{{ x }}"), role="user")
    assert cells(question, questions="chat") == [("code", "%%chat --raw\n%magic\n{{ x }}")]


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=9).map("\n".join))
def test_any_answer_is_a_valid_notebook(text: str) -> None:
    assert cells(message(TextPart(text)), message(TextPart(text), role="user", number=2))
