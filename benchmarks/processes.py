"""Processes on a core of their own, and a server of ours as it is measured.

The fake and the load client share core 0, the server has core 1 alone. Only processes started here are ended.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TOKEN = "benchmark"
CREDENTIAL = f"token {TOKEN}"
_TICK = os.sysconf("SC_CLK_TCK")


def build_tools(folder: Path) -> None:
    """Compile the two C programs into `folder`; needs cc."""
    for name in ("fake_ollama", "loadgen"):
        source = HERE / "native" / f"{name}.c"
        subprocess.run(["cc", "-O2", "-w", "-o", str(folder / name), str(source), "-lm"], check=True)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def allow_many_files() -> None:
    """Raise the limit of open files; sockets inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def get_json(
    url: str, body: object = None, method: str | None = None, credential: str = CREDENTIAL
) -> dict[str, object]:
    """Ask and return the JSON of the answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Authorization": credential}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return dict(json.loads(answer.read() or b"{}"))


@contextmanager
def running(command: list[str], core: int | None, url: str, env: dict[str, str], log: Path) -> Iterator[int]:
    """Run a process on a core, or on any, until the block ends; yields its pid once `url` answers."""
    with log.open("ab") as out:
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        process = subprocess.Popen([*pinned, *command], stdout=out, stderr=out, env={**os.environ, **env})
        try:
            _wait_for(url, process, log)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            if process.poll() is not None:
                sys.exit(f"the process ended: {log.read_text()[-2000:]}")
            time.sleep(0.1)
        else:
            return
    sys.exit(f"nothing answers at {url}: {log.read_text()[-2000:]}")


@dataclass(frozen=True)
class Served:
    """A server of ours, and what lets somebody in."""

    port: int
    pid: int
    credential: str = CREDENTIAL
    store_url: str = ""

    @property
    def api(self) -> str:
        """The base of our routes."""
        return f"http://127.0.0.1:{self.port}/api/aichat/v1"


class Bench:
    """A fake Ollama and a server of ours, ready to be measured by whoever has its credential."""

    def __init__(self, folder: Path, fake_port: int, served: Served, *, shared: bool = False) -> None:
        self.folder, self.fake_port, self.served, self.shared = folder, fake_port, served, shared
        self.server_port, self.pid, self.credential = served.port, served.pid, served.credential
        self.store_url = served.store_url

    @property
    def api(self) -> str:
        """The base of our routes."""
        return self.served.api

    def json(self, path: str, body: object = None) -> dict[str, object]:
        """Ask one of our routes."""
        return get_json(f"{self.api}{path}", body, credential=self.credential)

    def fake(self, path: str = "__stats") -> dict[str, int]:
        """Ask the fake for its counters."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.fake_port}/{path}", timeout=10) as answer:
            return dict(json.loads(answer.read()))

    def cpu_s(self) -> float:
        """The server's CPU seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def rss_mb(self) -> float:
        """The server's resident memory."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Rss:")) / 1024

    def load(self, *, conns: int, secs: float, warm: float, stagger: float = 0.0, body: str, direct: bool = False,
             reqs: int = 0) -> dict[str, float | dict[str, float]]:  # fmt: skip
        """Run the load client; returns its figures and our CPU per token (µs)."""
        target = ["--port", str(self.fake_port), "--proto", "http", "--path", "/api/chat"] if direct else [
            "--port", str(self.server_port), "--proto", "ws", "--path", "/api/aichat/v1/ws",
            "--header", f"Authorization: {self.credential}", "--ready", '"hello"', "--done", '"run_finished"',
        ]  # fmt: skip
        command = [
            "taskset", "-c", "0", str(self.folder / "loadgen"), *target, "--body", body, "--conns", str(conns),
            "--secs", str(secs), "--warm", str(warm), "--stagger", str(stagger),
            *(["--reqs", str(reqs)] if reqs else []),
        ]  # fmt: skip
        self._wait_until_idle()
        before, cpu = self.fake(), self.cpu_s()
        done = subprocess.run(command, capture_output=True, text=True, timeout=secs + warm + stagger + 60, check=False)
        used, tokens = self.cpu_s() - cpu, self.fake()["tokens"] - before["tokens"]
        figures: dict[str, float | dict[str, float]] = json.loads(done.stdout)
        if not tokens:  # such as somebody who has as many chats as one may have
            sys.exit(f"no token came: {done.stdout}{done.stderr}")
        figures["cpu_us_per_token"] = used * 1e6 / tokens
        return figures

    @contextmanager
    def sockets(self, count: int) -> Iterator[None]:
        """Hold so many WebSockets open, each greeted and silent."""
        head = (
            f"GET /api/aichat/v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{self.server_port}\r\n"
            f"Authorization: {self.credential}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ).encode()
        with ExitStack() as stack:
            for _ in range(count):
                sock = stack.enter_context(socket.create_connection(("127.0.0.1", self.server_port), timeout=10))
                sock.sendall(head)
                while b'"hello"' not in sock.recv(65536):
                    pass
            yield

    def steady_us_per_token(self, after_s: float, for_s: float, load: Callable[[], object]) -> float:
        """Our CPU per token (µs) in a part of a load, its beginning and its end left out."""
        self._wait_until_idle()
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(load)
            time.sleep(after_s)
            cpu, tokens = self.cpu_s(), self.fake()["tokens"]
            time.sleep(for_s)
            cost = (self.cpu_s() - cpu) * 1e6 / (self.fake()["tokens"] - tokens)
            loading.result()
        return cost

    def _wait_until_idle(self) -> None:
        for _ in range(300):  # answers go on when their readers have gone
            if not self.fake()["active"]:
                return
            time.sleep(0.1)
