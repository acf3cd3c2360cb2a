"""Somebody who types the commands of a page into a terminal, one after the other, in a folder of their own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.blocks import Block

ROOT = Path(__file__).parents[2]
PREPARED = Path(__file__).parent / "reader.sh"
PASSWORD = "correct horse battery"
TAKES_S = 90.0
_ASKS = re.compile(rb"(New password|Once more): $")


@dataclass
class Reader:
    """A reader with a home and a terminal; `environment` is what their machine has besides.

    Parameters
    ----------
    instead
        What stands on a page, and what it is on this machine.
    programs
        Where more programs are.
    """

    home: Path
    environment: Mapping[str, str]
    instead: Mapping[str, str] = field(default_factory=dict)
    programs: Path | None = None

    def follow(self, before: str, blocks: list[Block], between: Mapping[str, str]) -> str:
        """Type all blocks in one shell; return what was shown, and fail at the first command that fails.

        `between` is what a page says in words, before the block that begins so.
        """
        lines = [before]
        for block in blocks:
            lines += [text for start, text in between.items() if block.text.startswith(start)]
            lines += [f"echo '@ line {block.line}'", self._here(block.text)]
        script = self.home / "page.sh"
        script.write_text("\n".join([PREPARED.read_text(), *lines, "end_what_runs", ""]))
        code, shown = self._type(script)
        assert code == 0, f"exit code {code}\n{shown[-3000:]}"
        return shown

    def _here(self, text: str) -> str:
        for old, new in self.instead.items():
            text = text.replace(old, new)
        return text

    def _type(self, script: Path) -> tuple[int, str]:
        """Run a script in a terminal of its own, where passwords are asked for, and say the password."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            ["bash", str(script)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self.home,
            env=self._surroundings(),
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 (a call to the system and nothing else)
        )
        os.close(theirs)
        try:
            shown = _listen(ours)
            return process.wait(20), shown
        finally:
            process.kill()
            os.close(ours)

    def _surroundings(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "AICHAT", "OLLAMA"))
        }
        logs = self.home / "logs"
        logs.mkdir(exist_ok=True)
        folders = [
            *([str(self.programs)] if self.programs else []),
            str(Path(sys.executable).parent),
            os.environ["PATH"],
        ]
        return {
            **kept,
            "HOME": str(self.home),
            "LOGS": str(logs),
            "PATH": ":".join(folders),
            "PYTHONPATH": str(ROOT),
            "PIP_NO_INDEX": "1",
            **self.environment,
        }


def _take_terminal() -> None:
    """Make standard input the terminal that passwords are asked for on."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _listen(terminal: int) -> str:
    """Return all that a terminal shows until its shell ends, and answer where it asks."""
    shown, answered = b"", 0
    deadline = time.monotonic() + TAKES_S
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        try:
            read = os.read(terminal, 65536) if ready else None
        except OSError:  # the other end is closed
            return shown.decode(errors="replace")
        if read == b"":
            return shown.decode(errors="replace")
        shown += read or b""
        if _ASKS.search(shown) and len(shown) > answered:
            os.write(terminal, f"{PASSWORD}\n".encode())
            answered = len(shown)
    raise AssertionError(f"it has not come to an end: {shown[-2000:].decode(errors='replace')}")
