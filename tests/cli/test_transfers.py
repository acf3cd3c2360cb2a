"""`jupyter aichat export` and `import`."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import Done, Run
from tests.service_app.matrix import FILE


def document(*titles: str) -> str:
    chats: list[dict[str, Any]] = [{**FILE["chats"][0], "title": title} for title in titles]
    return json.dumps({**FILE, "chats": chats})


def test_chats_move_from_one_account_to_another(run: Run, create: Callable[..., Done], tmp_path: Path) -> None:
    create("Ada")
    create("Eve")
    (tmp_path / "first.json").write_text(document("One", "Two"))
    assert run("import", "ada", "first.json").out == "Ada: 2 chats imported.\n"
    (written,) = run("export", "ada", "chats.json", "--json").rows
    file = tmp_path / "chats.json"
    assert (written["name"], written["bytes"]) == ("Ada", file.stat().st_size)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (outcome,) = run("import", "EVE", "chats.json", "--json").rows
    assert {each["title"] for each in outcome["chats"]} == {"One", "Two"}
    assert run("export", "eve", "chats.zip", "--format=notebook").code == 0
    with zipfile.ZipFile(tmp_path / "chats.zip") as archive:
        assert sorted(archive.namelist()) == ["One.ipynb", "Two.ipynb"]
    one = next(each["id"] for each in outcome["chats"] if each["title"] == "One")
    assert run("export", "eve", "one.md", "--format=markdown", f"--chat={one}").code == 0
    assert (tmp_path / "one.md").read_text().startswith("# One\n")
    audit = [(row["action"], row["actor"]) for row in run("audit", "--json").rows if row["action"].endswith("ported")]
    assert audit == [
        (action, "command-line") for action in ("imported", "exported", "imported", "exported", "exported")
    ]


def test_nothing_is_overwritten_and_nothing_half_written_is_left(
    run: Run, create: Callable[..., Done], tmp_path: Path
) -> None:
    create("Ada")
    (tmp_path / "mine.json").write_text("mine")
    done = run("export", "ada", "mine.json")
    assert (done.code, "mine.json cannot be written: File exists." in done.err) == (1, True)
    assert (tmp_path / "mine.json").read_text() == "mine"
    assert run("export", "ada", "new.json", "--chat=nowhere").code == 1
    assert run("export", "nobody", "new.json").code == 1
    assert not (tmp_path / "new.json").exists()


def test_what_is_wrong_with_a_file_is_said(run: Run, create: Callable[..., Done], tmp_path: Path) -> None:
    create("Ada")
    (tmp_path / "bad.json").write_text("{")
    assert "This is no JSON" in run("import", "ada", "bad.json").err
    assert "cannot be read" in run("import", "ada", "nowhere.json").err
    (tmp_path / "half.json").write_text(document("One").replace('"chats": [', '"chats": [{}, '))
    done = run("import", "ada", "half.json")
    assert (done.code, done.err) == (0, "")
    assert "$.chats[0]" in done.out
    assert run("import", "ada", "half.json", "--strict").code == 1
