"""The example notebooks, run from top to bottom with the demo model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.kernel.kernels import served_kernel
from tests.server.process import running

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def test_there_are_examples() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["magics", "panel"]


def _read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs(path: Path) -> None:
    notebook = _read(path)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    cells = [cell for cell in _read(path).cells if cell.cell_type == "code"]
    with running(tmp_path, "--ScriptedProvider.scenarios=False") as server, served_kernel(server) as kernel:
        for cell in cells:
            done = kernel.run(cell.source, cell.id)
            assert (done.status, done.errors) == ("ok", []), cell.source
            if cell.source.startswith(("%%chat", "%chat N")):
                assert "This is a scripted demonstration, not a language model." in done.answer
        (chat,) = server.json("GET", "/chats")["items"]
        asked = sum(cell.source.startswith(("%%chat", "%chat N")) for cell in cells)
        assert len(server.json("GET", f"/chats/{chat['id']}/messages")["items"]) == 2 * asked
