"""Each command of the operators' page, in its order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from scripts.generate.settings import CLASSES
from tests.cli.conftest import PASSWORD, Run

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "operators" / "cli.md"


def test_every_documented_command_works(run: Run, models: str) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) > 15
    for line in lines:
        program, command, *words = shlex.split(line)
        assert (program, command) == ("jupyter", "aichat")
        if words[0] == "serve":  # tests/docs starts services, and this one is of that page
            assert line in (PAGE.parent / "quickstart.md").read_text()
            continue
        if words[0] == "doctor":
            words.append(models)
        done = run(*words, stdin=f"{PASSWORD} of {words[1:3]}\n")
        assert (done.code, done.err) == (0, ""), line


@pytest.mark.parametrize(
    "option", ["--follow", "--promote", "--drop", "--add", "--eddsa", "--delete", "--json", "--sock"]
)
def test_it_speaks_of_no_option_that_does_not_exist(run: Run, option: str) -> None:
    helps = [
        run(*words.split(), "--help").out for words in ("audit", "secret", "users invitations", "users list", "doctor")
    ]
    assert option in PAGE.read_text()
    assert any(f"  {option}" in text for text in helps)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*/*.md")), ids=lambda page: f"{page.parent.name}/{page.name}")
def test_pages_name_only_settings_that_exist(page: Path) -> None:
    known = {each.__name__: {*each.class_traits(config=True), *dir(each)} for each in CLASSES}
    named = re.findall(r"\b([A-Z][A-Za-z]+)\.([a-z_]+)\b", page.read_text())
    assert {f"{name}.{trait}" for name, trait in named if name in known and trait not in known[name]} == set()
