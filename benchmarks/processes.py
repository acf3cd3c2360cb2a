"""Starts the fake Ollama, a Jupyter server with the extension, and the load client, each on its core.

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
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests import mongo_server, redis_server

HERE = Path(__file__).parent
TOKEN = "benchmark"
SCRIPTED = ("counter-400-50", "markdown-100")
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


def get_json(url: str, body: object = None, method: str | None = None) -> dict[str, object]:
    """Ask and return the JSON of the answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Authorization": f"token {TOKEN}"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return dict(json.loads(answer.read() or b"{}"))


@contextmanager
def running(command: list[str], core: int, url: str, env: dict[str, str], log: Path) -> Iterator[int]:
    """Run a process on a core until the block ends; yields its pid once `url` answers."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command], stdout=out, stderr=out, env={**os.environ, **env}
        )
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


class Bench:
    """A fake Ollama and a Jupyter server with the extension, ready to be measured."""

    def __init__(self, folder: Path, fake_port: int, server_port: int, pid: int, *, shared: bool = False) -> None:
        self.folder, self.fake_port, self.server_port, self.pid = folder, fake_port, server_port, pid
        self.shared = shared

    @property
    def api(self) -> str:
        """The base of our routes."""
        return f"http://127.0.0.1:{self.server_port}/api/aichat/v1"

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
            "--port", str(self.server_port), "--proto", "ws", "--path", f"/api/aichat/v1/ws?token={TOKEN}",
            "--ready", '"hello"', "--done", '"run_finished"',
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
        figures["cpu_us_per_token"] = used * 1e6 / tokens if tokens else 0.0
        return figures

    @contextmanager
    def sockets(self, count: int) -> Iterator[None]:
        """Hold so many WebSockets open, each greeted and silent."""
        head = (
            f"GET /api/aichat/v1/ws?token={TOKEN} HTTP/1.1\r\nHost: 127.0.0.1:{self.server_port}\r\n"
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


@contextmanager
def bench(*, shared: bool = False) -> Iterator[Bench]:
    """Start everything in a folder of its own, storage on: SQLite, or `shared` between replicas in MongoDB and Redis."""
    with tools() as (folder, fake), ExitStack() as stack:
        parts = stack.enter_context(shared_parts(folder)) if shared else {}
        port, pid = stack.enter_context(server(folder, fake, parts, core=1))
        yield Bench(folder, fake, port, pid, shared=shared)


@contextmanager
def tools() -> Iterator[tuple[Path, int]]:
    """A folder with the load client, and a fake Ollama that runs on core 0; yields the folder and the fake's port."""
    allow_many_files()
    with tempfile.TemporaryDirectory(prefix="aichat-bench-") as name:
        folder = Path(name)
        build_tools(folder)
        fake = free_port()
        with running([str(folder / "fake_ollama"), str(fake)], 0, f"http://127.0.0.1:{fake}/api/version", {},
                     folder / "fake.log"):  # fmt: skip
            yield folder, fake


@contextmanager
def shared_parts(folder: Path) -> Iterator[dict[str, str]]:
    """Run Redis and a MongoDB wire server on core 0; yields the environment that names them to a replica."""
    for part in ("redis", "mongo"):
        (folder / part).mkdir()
    with ExitStack() as stack:
        mine = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {0})  # children inherit it
        try:
            redis = stack.enter_context(redis_server.running(folder / "redis"))
            mongo = stack.enter_context(mongo_server.running(folder / "mongo"))
        finally:
            os.sched_setaffinity(0, mine)
        yield {"AICHAT_STORE_URL": f"{mongo.url}bench", "AICHAT_REDIS_URL": redis.url}


@contextmanager
def server(folder: Path, fake: int, env: dict[str, str], *, core: int) -> Iterator[tuple[int, int]]:
    """Run a Jupyter server with the extension on a core; yields its port and its pid."""
    port = free_port()
    home = folder / f"server-{port}"
    home.mkdir()
    env = {
        "OLLAMA_HOST": f"127.0.0.1:{fake}",
        **{f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("DATA", "CONFIG", "RUNTIME")},
        **env,
    }
    command = [
        sys.executable, "-m", "jupyter_server", "--allow-root", f"--ServerApp.root_dir={home}",
        f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.jpserver_extensions={'jupyter_aichat': True, 'jupyterlab': False}", "--no-browser",
        "--Admission.capacity={'*': 0}", "--ScriptedProvider.scenarios=True", *[f"--ScriptedProvider.names={name}" for name in SCRIPTED],
    ]  # fmt: skip
    with running(command, core, f"http://127.0.0.1:{port}/api/aichat/v1/ready", env, home / "server.log") as pid:
        yield port, pid
