"""The servers that are measured: a Jupyter server with the extension, and the service with accounts."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.member import personal_token
from benchmarks.processes import TOKEN, Bench, Served, allow_many_files, build_tools, free_port, running
from jupyter_aichat.auth.keys import new_secret
from tests import mongo_server, redis_server

_MODELS = (
    "--Admission.capacity={'*': 0}", "--ScriptedProvider.scenarios=True",
    *(f"--ScriptedProvider.names={name}" for name in ("counter-400-50", "markdown-100")),
)  # fmt: skip
_NEVER_USED_UP = (
    *(f"--RequestLimits.{name}=100000000" for name in ("per_minute", "sends_per_minute", "strangers_per_minute")),
    "--RequestLimits.connections=5000", "--AIChatService.address_connections=12000",
    "--Quotas.rules={'tokens_per_day': 1000000000000, 'seconds_per_month': 1000000000000}",
)  # fmt: skip


@contextmanager
def bench(*, shared: bool = False, service: bool = False) -> Iterator[Bench]:
    """Start everything in a folder of its own, storage on: SQLite, or `shared` between replicas in MongoDB and Redis.

    With `service` it is the one with accounts, limits and quotas, asked with a personal token.
    """
    with tools() as (folder, fake), ExitStack() as stack:
        parts = stack.enter_context(shared_parts(folder)) if shared else {}
        start = service_server if service else server
        yield Bench(folder, fake, stack.enter_context(start(folder, fake, parts, core=1)), shared=shared)


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
def server(folder: Path, fake: int, env: dict[str, str], *, core: int) -> Iterator[Served]:
    """Run a Jupyter server with the extension on a core."""
    port, home = _home(folder)
    command = [
        sys.executable, "-m", "jupyter_server", "--allow-root", f"--ServerApp.root_dir={home}",
        f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.jpserver_extensions={'jupyter_aichat': True, 'jupyterlab': False}", "--no-browser", *_MODELS,
    ]  # fmt: skip
    with running(command, core, _ready(port), _surroundings(home, fake, env), home / "server.log") as pid:
        yield Served(port, pid)


@contextmanager
def service_server(folder: Path, fake: int, env: dict[str, str], *, core: int) -> Iterator[Served]:
    """Run the service on a core, with somebody who has an account there and a quota that is never used up."""
    env = {"AICHAT_STORE_URL": f"sqlite:///{folder / 'chats.sqlite3'}", **env}
    if "AICHAT_SECRET_FILE" not in env:
        secret = folder / "secret"
        secret.write_text(new_secret())
        env["AICHAT_SECRET_FILE"] = str(secret)
    with replica(folder, fake, env, core=core) as served:
        token = asyncio.run(personal_token(served.store_url))
        yield Served(served.port, served.pid, f"Bearer {token}", served.store_url)


@contextmanager
def replica(
    folder: Path, fake: int, env: dict[str, str], arguments: Sequence[str] = (), *, core: int | None = None
) -> Iterator[Served]:
    """Run the service on a core or on any; `env` names its store and its secret."""
    port, home = _home(folder)
    command = [
        sys.executable, "-m", "jupyter_aichat.service.app", f"--port={port}", *_MODELS, *_NEVER_USED_UP, *arguments,
    ]  # fmt: skip
    with running(command, core, _ready(port), _surroundings(home, fake, env), home / "service.log") as pid:
        yield Served(port, pid, "", env["AICHAT_STORE_URL"])


def _home(folder: Path) -> tuple[int, Path]:
    port = free_port()
    home = folder / f"server-{port}"
    home.mkdir()
    return port, home


def _ready(port: int) -> str:
    return f"http://127.0.0.1:{port}/api/aichat/v1/ready"


def _surroundings(home: Path, fake: int, env: dict[str, str]) -> dict[str, str]:
    folders = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("DATA", "CONFIG", "RUNTIME")}
    return {"OLLAMA_HOST": f"127.0.0.1:{fake}", **folders, **env}
