"""The page's files, written for a CDN."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_aichat.service.page_files import FOLDER
from tests.cli.conftest import Run


@pytest.mark.skipif(not (FOLDER / "index.html").is_file(), reason="the page was not built: make build")
def test_all_assets_are_written_and_can_be_written_again(run: Run) -> None:
    run("assets", "cdn/here")
    done = run("assets", "cdn/here")
    assert (done.code, done.err) == (0, "")
    names = {path.name for path in (FOLDER / "assets").iterdir() if path.suffix != ".gz"}
    assert {path.name for path in Path("cdn/here").iterdir()} == names
    assert {line.split()[0] for line in done.out.splitlines()} == names
    for name in names:
        assert (Path("cdn/here") / name).read_bytes() == (FOLDER / "assets" / name).read_bytes()


@pytest.mark.skipif(not (FOLDER / "index.html").is_file(), reason="the page was not built: make build")
def test_a_folder_that_cannot_be_written_is_said(run: Run) -> None:
    Path("file").write_text("")
    done = run("assets", "file")
    assert (done.code, "file cannot be written" in done.err) == (1, True)
