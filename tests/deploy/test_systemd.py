"""The unit that operators are given: systemd takes it, it is closed as far as it goes, and what it starts is there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_aichat.settings import AppSettings
from tests.conftest import IN_CI

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "jupyter-aichat@.service"
PROGRAM = "/opt/jupyter-aichat/bin/jupyter-aichat"
MOST_EXPOSED = 2.0

pytestmark = pytest.mark.skipif(
    not IN_CI and shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here (Debian: systemd)"
)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit of one port, with a program that is here."""
    text = UNIT.read_text()
    assert PROGRAM in text
    found = tmp_path / UNIT.name.replace("@", "@8790")
    found.write_text(text.replace(PROGRAM, str(Path(sys.executable).with_name("jupyter-aichat"))))
    return found


def test_systemd_takes_it_without_a_word(unit: Path) -> None:
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_it_is_closed(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    assert found is not None
    assert float(found[1]) <= MOST_EXPOSED


def test_what_it_says_is_understood(unit: Path) -> None:
    text = unit.read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    program, *arguments = command.replace("%i", "8790").split()
    helped = subprocess.run([program, *arguments, "--help"], capture_output=True, text=True, check=False)
    assert (helped.returncode, helped.stderr) == (0, "")
    assert AppSettings.secret_file.help.count("AICHAT_SECRET_FILE") == text.count("Environment=AICHAT_SECRET_FILE")
