"""A real JupyterHub with its proxy in processes of their own, and the people who use it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.server.client import Socket
from tests.service_app.process import OPENED

BASE = "api/aichat/v1"
CONFIG = Path(__file__).with_name("hub_config.py")
START_S = 60.0
_OF_TESTS = "for-tests-only-of-this-machine"


def proxy_program() -> str | None:
    """Return where the Hub's proxy is, if it is installed: by `make`, or elsewhere on this machine."""
    installed = Path(__file__).parent / "node_modules" / ".bin" / "configurable-http-proxy"
    return str(installed) if installed.exists() else shutil.which("configurable-http-proxy")


@dataclass
class Hub:
    """A running Hub, its proxy, its chat service and its users' servers."""

    process: subprocess.Popen[bytes]
    folder: Path
    url: str
    service_url: str
    api_url: str
    _stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.admin = self.client(f"{self.url}/hub/api", _OF_TESTS)

    def client(self, base_url: str, token: str | None = None) -> httpx.Client:
        """Return a client of a token, or of nobody."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self._stack.enter_context(httpx.Client(base_url=base_url, headers=headers, timeout=30))

    def chat(self, token: str | None) -> httpx.Client:
        """Return a client of the service, by the proxy."""
        return self.client(f"{self.url}/services/aichat/{BASE}", token)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the Hub; raises `httpx.HTTPStatusError`."""
        answer = self.admin.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def token(self, name: str, **wanted: Any) -> str:
        """Make a token of somebody's; without scopes it may do what the person may."""
        return str(self.api("POST", f"/users/{name}/tokens", wanted)["token"])

    def start_server(self, name: str) -> str:
        """Start somebody's own Jupyter server; return its token."""
        if not self.api("GET", f"/users/{name}")["servers"]:
            self.api("POST", f"/users/{name}/server")
        self.until(lambda: self.api("GET", f"/users/{name}")["servers"].get("", {}).get("ready"))
        (server,) = [
            each
            for each in psutil.Process(self.process.pid).children(recursive=True)
            if each.environ().get("JUPYTERHUB_USER") == name
        ]
        return server.environ()["JUPYTERHUB_API_TOKEN"]

    def until(self, true: Callable[[], Any], patience_s: float = START_S) -> float:
        """Wait for a condition; return the seconds that it took."""
        begun = time.monotonic()
        while time.monotonic() - begun < patience_s:
            assert self.process.poll() is None, self.log()
            try:
                if true():
                    return time.monotonic() - begun
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not within {patience_s} s: {self.log()}")

    def log(self) -> str:
        """Return what the Hub, its service and its servers have logged."""
        return (self.folder / "hub.log").read_text()

    async def socket(self, token: str, base: str | None = None) -> Socket:
        """Open a socket as a script does; its hello is not taken."""
        url = f"{base or f'{self.url}/services/aichat'}/{BASE}/ws".replace("http", "ws", 1)
        socket = Socket(await websocket_connect(HTTPRequest(url, headers={"Authorization": f"Bearer {token}"})))
        OPENED.append(socket)
        return socket

    def close(self) -> None:
        """Let go of all clients."""
        self._stack.close()


@contextmanager
def running(folder: Path, proxy: str) -> Iterator[Hub]:
    """Run a Hub whose files are all below a folder."""
    ports = free_ports(4)
    surroundings = {
        "HUB_TEST": ":".join([str(folder), *map(str, ports[:3])]),
        "HUB_TEST_PROXY": proxy,
        "AICHAT_PORT": str(ports[3]),
        "AICHAT_STORE_URL": f"sqlite:///{folder / 'chats.sqlite3'}",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        **{f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")},
    }
    command = [sys.executable, "-m", "jupyterhub", "-f", str(CONFIG)]
    with (folder / "hub.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **surroundings}, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{ports[0]}"
    service, api = f"http://127.0.0.1:{ports[3]}/services/aichat", f"http://127.0.0.1:{ports[1]}/hub/api"
    hub = Hub(process, folder, url, service, api)
    try:
        hub.until(lambda: httpx.get(f"{url}/hub/health").status_code == 200)
        hub.until(lambda: httpx.get(f"{hub.service_url}/{BASE}/health").json()["state"] == "ready")
        yield hub
    finally:
        hub.close()
        _stop(process, folder)


def _stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Stop the Hub, and what it has started: that has process groups of its own, and a proxy outlives a Hub that failed."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    with suppress(OSError, psutil.NoSuchProcess):
        family.append(psutil.Process(int((folder / "proxy.pid").read_text())))
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    finally:
        process.kill()
        for each in family:
            if each.is_running():
                each.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
