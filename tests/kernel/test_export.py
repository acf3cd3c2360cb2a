"""`%chat export`: what it takes for one, and a chat that becomes a file, under a server and without one."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from jupyter_aichat.kernel.export import Export, export_in
from tests.kernel.chats import newest_chat
from tests.kernel.kernels import Kernel
from tests.server.process import Server


@pytest.mark.parametrize(
    ("line", "chat", "file"),
    [
        ("export notes.md", None, "notes.md"),
        ("  export  a/b.ipynb ", None, "a/b.ipynb"),
        ('export "my notes.json"', None, "my notes.json"),
        ("export 3fK0aV1mZq8sT2bX notes.md", "3fK0aV1mZq8sT2bX", "notes.md"),
        ('export "Why is it so?" "my notes.md"', "Why is it so?", "my notes.md"),
    ],
)
def test_these_lines_are_exports(line: str, chat: str | None, file: str) -> None:
    assert export_in(line) == Export(chat, Path(file))


@pytest.mark.parametrize(
    "line",
    [
        "export",
        "export the table to notes.md",
        "export a.txt",
        "-- export notes.md",
        "exports a.md",
        "how to export a.md",
    ],
)
def test_these_are_questions(line: str) -> None:
    assert export_in(line) is None


def test_a_chat_becomes_a_file(fresh: Kernel, server: Server, tmp_path: Path) -> None:
    assert fresh.run(f"%chat export {tmp_path}/none.md").errors == [
        "There is no current chat yet: ask something, or name a chat."
    ]
    fresh.run("%chat --model echo Say it.")
    done = fresh.run(f"%chat export {tmp_path}/notes.md")
    assert (done.status, done.errors) == ("ok", [])
    text = (tmp_path / "notes.md").read_text()
    assert text.startswith("# Say it.\n")
    assert text.count("Say it.") == 3
    again = fresh.run(f"%chat export {tmp_path}/notes.md")
    assert again.errors == [f"{tmp_path}/notes.md cannot be written: File exists."]
    chat = newest_chat(server)
    for name in (chat["id"], '"say it."'):
        assert fresh.run(f"%chat export {name} {tmp_path}/{len(name)}.ipynb").status == "ok"
        notebook = (tmp_path / f"{len(name)}.ipynb").read_text()
        nbformat.validate(nbformat.reads(notebook, as_version=4))  # type: ignore[no-untyped-call]
    assert fresh.run(f"%chat export Nowhere {tmp_path}/x.json").errors == ["There is no chat of this id or title."]
    assert not (tmp_path / "x.json").exists()
    fresh.run(f"%chat export {tmp_path}/all.json")
    assert json.loads((tmp_path / "all.json").read_text())["chats"][0]["title"] == "Say it."
