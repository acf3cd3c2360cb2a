"""The real Ollama for tests: where its binary is, a models folder made once, and one server process."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

HERE = Path(__file__).parent
VERSION = (HERE / "VERSION").read_text().strip()
CACHE = Path(os.environ.get("AICHAT_CACHE") or Path.home() / ".cache" / "jupyter-aichat")
START_TIMEOUT_S = 30
_LISTENING = re.compile(r"Listening on ([0-9.]+:[0-9]+)")


def binary() -> Path | None:
    """Return the server's binary: `AICHAT_TEST_OLLAMA`, or what `install.sh` built; None if there is none."""
    if named := os.environ.get("AICHAT_TEST_OLLAMA"):
        return Path(named)
    built = CACHE / "ollama" / VERSION / "ollama"
    return built if built.exists() else None


class OllamaServer:
    """One Ollama process on a port of its own, with the models of the folder that it is given.

    `url` stays the same over `kill` and `start`. Close it with `stop`.
    """

    def __init__(self, program: Path, home: Path) -> None:
        self._program = program
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._address = "127.0.0.1:0"
        self._home.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """The base address, without a slash at the end."""
        return f"http://{self._address}"

    @property
    def log(self) -> str:
        """What the server wrote since its last start."""
        return (self._home / "server.log").read_text(errors="replace")

    def environment(self) -> dict[str, str]:
        """Return the environment of the server and of its command line: no home, key or model of the user."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OLLAMA_")}
        return kept | {
            "HOME": str(self._home),
            "OLLAMA_HOST": self._address,
            "OLLAMA_MODELS": str(self._home / "models"),
            "OLLAMA_MAX_LOADED_MODELS": "6",
            "OLLAMA_NOPRUNE": "1",
        }

    def start(self) -> None:
        """Start the process and return when it answers; raises RuntimeError with its log if it does not."""
        with (self._home / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._program, "serve"],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end and self._process.poll() is None:
            if (found := _LISTENING.search(self.log)) and answers(found[1]):
                self._address = found[1]
                return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"Ollama did not start:\n{self.log[-4000:]}")

    def run(self, *arguments: str, cwd: Path) -> None:
        """Run one command of Ollama's command line against this server."""
        subprocess.run(
            [self._program, *arguments], env=self.environment(), cwd=cwd, check=True, capture_output=True, timeout=120
        )

    def runners(self) -> list[psutil.Process]:
        """Return the processes that hold a loaded model, one for each."""
        if self._process is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self._process.pid).children()
        return []

    def kill(self) -> None:
        """End the server and its runners at once, as a crash would."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._process = None

    def stop(self) -> None:
        """End the server as its user would; safe to call twice."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self.kill()


def answers(address: str) -> bool:
    """Tell whether the server at `host:port` answers."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/api/version")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def models(program: Path) -> Path:
    """Return the folder with the tests' models, made once per version of `make_models.py` and of the binary."""
    digest = hashlib.sha256((HERE / "make_models.py").read_bytes() + VERSION.encode()).hexdigest()[:16]
    made = CACHE / "models" / digest
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent, prefix="making-") as folder:
            _make_models(program, Path(folder))
            with contextlib.suppress(OSError):  # another run was faster
                (Path(folder) / "home" / "models").rename(made)
    return made


def _make_models(program: Path, folder: Path) -> None:
    make = [sys.executable, str(HERE / "make_models.py"), str(folder / "gguf")]
    slow = ["--prefix", "slow-", "--width", "1024", "--layers", "6", "--only", "counter", "endless"]
    subprocess.run(make, check=True, capture_output=True, timeout=120)
    subprocess.run(make + slow, check=True, capture_output=True, timeout=120)
    server = OllamaServer(program, folder / "home")
    server.start()
    try:
        for modelfile in sorted((folder / "gguf").glob("*.Modelfile")):
            server.run("create", modelfile.stem, "-f", modelfile.name, cwd=folder / "gguf")
    finally:
        server.stop()


@contextlib.contextmanager
def running(program: Path, home: Path) -> Iterator[OllamaServer]:
    """Yield a started server with its own copy of the tests' models."""
    _copy_models(models(program), home / "models")
    server = OllamaServer(program, home)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _copy_models(source: Path, target: Path) -> None:
    """Copy manifests and link blobs: blobs are named for their content and never change."""
    shutil.copytree(source / "manifests", target / "manifests")
    (target / "blobs").mkdir()
    for blob in (source / "blobs").iterdir():
        try:
            (target / "blobs" / blob.name).hardlink_to(blob)
        except OSError:  # another file system
            shutil.copy2(blob, target / "blobs" / blob.name)
