"""A real `jupyter server` in a process of its own, as people start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

TOKEN = "t0ken"
START_S = 40.0
DEFAULTS = {"--OllamaProvider.url": "http://127.0.0.1:9", "--ScriptedProvider.scenarios": "True"}


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        base = f"{self.url}api/aichat/v1"
        self.http = httpx.Client(base_url=base, headers={"Authorization": f"token {TOKEN}"}, timeout=20)

    def json(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def memory(self) -> int:
        """Bytes that the process holds."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def terminate(self) -> float:
        """Ask it to end; return the seconds that it took."""
        begun = time.monotonic()
        self.process.terminate()
        self.process.wait(20)
        return time.monotonic() - begun


@contextmanager
def running(directory: Path, *arguments: str) -> Iterator[Server]:
    """Run a server whose files are all below a directory; killed at the end if it still lives."""
    runtime = directory / "runtime"
    for found in runtime.glob("jpserver-*.json"):
        found.unlink()
    with (directory / "server.log").open("ab") as log:
        process = subprocess.Popen(_command(directory, arguments), env=_environment(directory), stderr=log, stdout=log)
        try:
            server = _wait(process, runtime, directory / "server.log")
            with closing(server.http):
                yield server
        finally:
            process.kill()
            process.wait()


def _command(directory: Path, arguments: tuple[str, ...]) -> list[str]:
    enabled = {"jupyter_aichat": True, "jupyterlab": False, "jupyter_lsp": False, "notebook_shim": False}
    return [
        *(sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", "--port=0", f"--ServerApp.root_dir={directory}"),
        *(f"--ServerApp.jpserver_extensions={name}={on}" for name, on in enabled.items()),
        f"--IdentityProvider.token={TOKEN}",
        *(f"{name}={value}" for name, value in DEFAULTS.items() if not any(a.startswith(f"{name}=") for a in arguments)),
        *arguments,
    ]  # fmt: skip


def _environment(directory: Path) -> dict[str, str]:
    folders = {f"JUPYTER_{kind}_DIR": str(directory / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    return {**os.environ, **folders, "AICHAT_STORE_URL": f"sqlite:///{directory / 'chats.sqlite3'}"}


def _wait(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> Server:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if url := _url(runtime / f"jpserver-{process.pid}.json"):
            server = Server(process, url, log)
            if _started(server):
                return server
            server.http.close()
        time.sleep(0.05)
    raise AssertionError(f"the server did not start: {log.read_text()[-2000:]}")


def _url(info: Path) -> str | None:
    """Return what a server says of itself; None before it does, or while it is still writing."""
    try:
        return str(json.loads(info.read_text())["url"])
    except (FileNotFoundError, ValueError):
        return None


def _started(server: Server) -> bool:
    try:
        return bool(server.json("GET", "/health")["state"] in ("ready", "failed"))
    except (httpx.HTTPError, ValueError):
        return False
