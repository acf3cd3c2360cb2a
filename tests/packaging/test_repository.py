"""What holds for the files of the repository: no addresses, no machine's paths, one version, no oversized files."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
from pathlib import Path

import pytest

import jupyter_aichat

ROOT = Path(__file__).parents[2]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


def tracked(*patterns: str) -> list[Path]:
    """Return the files that git knows, or all that a source distribution holds."""
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_lock_files_hold_no_registry_address() -> None:
    locks = tracked("*package-lock.json", "*constraints*.txt")

    assert {lock.name for lock in locks} >= {"package-lock.json", "constraints.txt"}
    for lock in locks:
        assert not re.search(r'"resolved":\s*"\w+://|^\S*(@|--|://)', lock.read_text(), re.MULTILINE), lock


def test_no_file_names_a_path_of_a_machine() -> None:
    machine = re.compile(
        rf"{re.escape(str(ROOT))}\b|(?<![\w.~$}}/])/(?:home|Users|root)/\w+|{re.escape(str(Path.home()))}/"
    )
    named = []
    for file in tracked():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        named += [f"{file.relative_to(ROOT)}: {found}" for found in machine.findall(text)]

    assert not named


def test_version_is_one() -> None:
    package = json.loads((ROOT / "labextension" / "package.json").read_text())

    assert jupyter_aichat.__version__ == package["version"]
    assert importlib.metadata.version("jupyterlab-aichat") == package["version"]


@pytest.mark.parametrize("folder", ["jupyter_aichat", "tests", "labextension/src"])
def test_files_are_short(folder: str) -> None:
    files = [
        f for f in tracked(f"{folder}/**.py", f"{folder}/**.ts", f"{folder}/**.tsx") if ".generated." not in f.name
    ]
    long = {str(f.relative_to(ROOT)): n for f in files if (n := len(f.read_text().splitlines())) > MAX_FILE_LINES}

    assert files
    assert not long


def test_functions_are_short() -> None:
    long = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"
        for file in tracked("jupyter_aichat/**.py", "tests/**.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _lines(node) > MAX_FUNCTION_LINES
    ]

    assert not long


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function's body, its docstring left out."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
