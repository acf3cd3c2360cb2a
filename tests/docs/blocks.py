"""The commands of a page: what stands in its fenced blocks of shell, and why some of it cannot be run by a test.

A block that needs what no test has is marked in the line before it, which readers do not see:

    <!-- not run: a cluster -->
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SHELLS = {"sh", "bash", "console", "shell"}
REASONS = {
    "a cluster": "Kubernetes",
    "Docker": "`make test-containers` runs compose.md's by podman",
    "systemd": "a machine that systemd has booted, and root",
    "two Jupyter servers": "tests/service/test_two_servers.py starts them",
    "MongoDB's shell": "tests/contract/test_store_mongo_sharding.py runs the scripts, and writes down what they ask for",
    "a release": "nothing is on PyPI yet; tests/packaging installs the wheel",
    "the checks themselves": "CI runs them; a test that ran them would run itself",
}
"""What a block may need that no test has."""

_BLOCK = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>.+?) -->\n)?^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """Commands that stand together, and the line of the page where they begin."""

    line: int
    text: str
    reason: str | None


def commands(page: Path) -> list[Block]:
    """Return the blocks of shell of a page, in order."""
    text = page.read_text()
    return [
        Block(text[: found.start("text")].count("\n") + 1, textwrap.dedent(found["text"]), found["reason"])
        for found in _BLOCK.finditer(text)
        if found["language"] in SHELLS
    ]


def unmarked(page: Path) -> list[str]:
    """Return blocks that look like commands and do not say that they are."""
    looks = re.compile(r"^(jupyter|docker|kubectl|helm|systemctl|pip|python3?|make|curl|sudo) ")
    return [
        found["text"]
        for found in _BLOCK.finditer(page.read_text())
        if not found["language"] and looks.match(textwrap.dedent(found["text"]))
    ]


def reasons(blocks: Iterable[Block]) -> Counter[str]:
    """Count why blocks are not run."""
    return Counter(block.reason for block in blocks if block.reason is not None)
