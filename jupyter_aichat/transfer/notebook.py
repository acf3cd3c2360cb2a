"""A chat as a notebook (nbformat 4.5): its active branch, a cell a message; written cell by cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.transfer import markdown

Questions = Literal["markdown", "chat"]
"""What a question becomes: a cell of text, or one that asks it again when it is run."""

_PYTHON = frozenset({"python", "py", "python3", "ipython", "ipython3"})
_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
HEAD = b'{"cells":[\n'
END = b'\n],"metadata":' + msgspec.json.encode(_METADATA) + b',"nbformat":4,"nbformat_minor":5}\n'


def title_cell(chat: Chat) -> bytes:
    """Return the first cell."""
    return _cell("markdown", f"{chat.id}-title", markdown.head(chat).strip())


def cells(message: Message, questions: Questions, *, code_cells: bool) -> Iterator[bytes]:
    """Yield the cells of a message: of an answer one, or with ``code_cells`` one for each of its blocks of Python."""
    if message.role == "user" and questions == "chat" and (text := text_of(message.parts)).strip():
        yield _cell("code", message.id, f"%%chat --raw\n{markdown.lines_of(text)}")
        return
    for number, (kind, source) in enumerate(_sources(message, code_cells=code_cells)):
        yield _cell(kind, message.id if number == 0 else f"{message.id}-{number}", source)


def _sources(message: Message, *, code_cells: bool) -> Iterator[tuple[Literal["markdown", "code"], str]]:
    lines = markdown.lines_of(text_of(message.parts)).strip("\n").split("\n")
    found = markdown.read("\n".join(lines)) if code_cells and message.role == "assistant" else None
    blocks = (
        [] if found is None or found.closing is None else [each for each in found.blocks if each.language in _PYTHON]
    )
    if not blocks:
        yield "markdown", _section(message)
        return
    rest = msgspec.structs.replace(message, parts=tuple(p for p in message.parts if not isinstance(p, TextPart)))
    before = "\n".join(lines[: blocks[0].first]).strip("\n")
    yield "markdown", "\n\n".join(filter(None, (_section(rest), before)))
    for block, until in zip(blocks, [*(each.first for each in blocks[1:]), len(lines)], strict=True):
        yield "code", "\n".join(lines[block.first + 1 : block.last])
        if between := "\n".join(lines[block.last + 1 : until]).strip("\n"):
            yield "markdown", between


def _section(message: Message) -> str:
    return markdown.section(message).strip().removeprefix("---").strip()


def _cell(kind: Literal["markdown", "code"], cell_id: str, source: str) -> bytes:
    """Return a cell; its source is a list of lines, as notebooks have it."""
    fields: dict[str, object] = {
        "cell_type": kind,
        "id": cell_id,
        "metadata": {},
        "source": source.splitlines(keepends=True),
    }
    if kind == "code":
        fields |= {"execution_count": None, "outputs": []}
    return msgspec.json.encode(fields)
