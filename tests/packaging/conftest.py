"""What the packaging tests share: the distributions, built once, and a clean environment that has the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Environment:
    """A virtual environment as a user has it: no Node, and no settings of this machine."""

    def __init__(self, folder: Path, without_node: Path) -> None:
        self.folder = folder
        self._without_node = without_node
        self._home = folder.parent / "home"
        self._home.mkdir()
        venv.create(folder, with_pip=True)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a command: the scripts of this folder first, a home of its own."""
        dropped = ("JUPYTER", "PYTHON", "AICHAT_", "VIRTUAL_ENV", "OLLAMA_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        cache = os.environ.get("PIP_CACHE_DIR") or str(Path.home() / ".cache" / "pip")
        path = _path(self.folder / "bin", self._without_node)
        return kept | {"PATH": path, "HOME": str(self._home), "PIP_CACHE_DIR": cache}

    def run(self, program: str, *arguments: str, timeout_s: float = 60) -> str:
        """Run a program of the environment and return what it printed, both streams together."""
        done = subprocess.run(
            [self.folder / "bin" / program, *arguments],
            env=self.variables,
            cwd=self._home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def _path(*first: Path) -> str:
    return os.pathsep.join([*map(str, first), os.environ["PATH"]])


def _build(source: Path, out: Path, kind: str, *first_on_path: Path) -> Path:
    """Build one distribution; no isolation, so that nothing is fetched."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(out), str(source)],
        env=os.environ | {"PATH": _path(*first_on_path, Path(sys.executable).parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="session")
def without_node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the front of the path: whoever asks for Node or npm fails."""
    folder = tmp_path_factory.mktemp("without-node")
    for name in ("node", "npm", "npx", "yarn", "jlpm"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho 'there is no {name} here' >&2\nexit 127\n")
        program.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built from the checkout with the front end that `make build` left there."""
    return _build(ROOT, tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="session")
def wheel(sdist: Path, without_node: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution without Node."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    shutil.unpack_archive(sdist, unpacked, filter="data")
    (source,) = unpacked.iterdir()
    return _build(source, tmp_path_factory.mktemp("wheel"), "wheel", without_node)


@pytest.fixture(scope="session")
def installed(wheel: Path, without_node: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A fresh environment with JupyterLab and the wheel."""
    environment = Environment(tmp_path_factory.mktemp("clean") / "venv", without_node)
    pinned = ("--constraint", str(ROOT / "constraints.txt"))
    environment.run("pip", "install", "--quiet", *pinned, "jupyterlab", str(wheel), timeout_s=600)
    return environment
