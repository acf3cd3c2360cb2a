"""The whole set on one machine: nginx with TLS, two replicas, Redis, a MongoDB wire server, a fake Ollama.

No process has a core of its own: the kernel divides all cores among them, as it would for a small team's one machine.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
from pymongo import MongoClient

from benchmarks import mongo_commands
from benchmarks.processes import Served, allow_many_files, build_tools, free_port, running
from benchmarks.servers import replica
from jupyter_aichat.auth.keys import new_secret
from tests import mongo_server, redis_server
from tests.deploy import nginx
from tests.mongo_server import MongoServer
from tests.redis_server import RedisServer

_TICK = os.sysconf("SC_CLK_TCK")
_REPLICAS = 2
_METRICS_TOKEN = "metrics-token"
_WAITED = re.compile(r'^aichat_part_seconds_(count|sum){operation="([^"]*)",part="([^"]*)"} (\S+)$', re.MULTILINE)
_OF_CHATS = ("chats", "messages", "runs", "keys", "segments", "usage")
_MORE_CONNECTIONS = 20_000


@dataclass(frozen=True)
class Whole:
    """Everything that runs, and its processes by name."""

    folder: Path
    port: int
    certificate: Path
    store_url: str
    pids: dict[str, list[int]]
    redis: RedisServer
    counts: list[Path]
    replicas: list[Served]

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far, by name."""
        return {name: sum(map(cpu_s, pids)) for name, pids in self.pids.items()}

    def rss_mb(self) -> dict[str, float]:
        """Resident memory, by name."""
        return {name: round(sum(map(_rss_mb, pids)), 1) for name, pids in self.pids.items()}

    def sockets(self) -> dict[str, int]:
        """Open sockets, by name."""
        return {name: sum(map(_sockets, pids)) for name, pids in self.pids.items()}

    def mongo_commands(self) -> Counter[str]:
        """What all replicas sent to MongoDB so far, by the command's name."""
        return sum((mongo_commands.read(path) for path in self.counts), Counter[str]())

    def waited(self) -> tuple[Counter[str], Counter[str]]:
        """How often replicas asked store, bus, cache and queue so far, and how many µs they waited, by operation."""
        counts, waits = Counter[str](), Counter[str]()
        for served in self.replicas:
            said = _text(f"{served.api}/metrics", (self.folder / _METRICS_TOKEN).read_text())
            for kind, operation, part, value in _WAITED.findall(said):
                if kind == "count":
                    counts[f"{part} {operation}"] += int(float(value))
                else:
                    waits[f"{part} {operation}"] += int(float(value) * 1e6)
        return counts, waits

    def stored_bytes(self) -> dict[str, int]:
        """Bytes of an answer's documents, by collection: what is in the database over the runs in it, without indexes."""
        with MongoClient[dict[str, Any]](self.store_url) as client:
            database = client.get_default_database()
            runs = max(database["runs"].count_documents({}), 1)
            return {name: sum(len(bson.encode(each)) for each in database[name].find()) // runs for name in _OF_CHATS}

    def redis_figures(self) -> Counter[str]:
        """Bytes that Redis took and gave so far, and its commands by name, those of scripts among them."""
        said = self.redis.command("INFO", "stats").decode() + self.redis.command("INFO", "commandstats").decode()
        found = re.findall(r"^(?:total_net_(input|output)_bytes|cmdstat_([^:]+)):(?:calls=)?(\d+)", said, re.MULTILINE)
        return Counter({f"{net}_bytes" if net else name: int(value) for net, name, value in found})


@contextmanager
def whole() -> Iterator[Whole]:
    """Start it all in a folder of its own; only what was started here is ended."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aichat-load-")))
        for part in ("redis", "mongo", "nginx"):
            (folder / part).mkdir()
        allow_many_files()
        build_tools(folder)
        fake = free_port()
        pids = {"fake Ollama": [stack.enter_context(_fake(folder, fake))]}
        redis = stack.enter_context(redis_server.running(folder / "redis"))
        mongo = stack.enter_context(mongo_server.running(folder / "mongo"))
        pids |= {"Redis": [redis.pid], "SecantusDB": [mongo.pid]}
        replicas = _replicas(stack, folder, fake, mongo, redis)
        pids |= {f"replica {n}": [served.pid] for n, (served, _) in enumerate(replicas, 1)}
        plain, tls = free_port(), free_port()
        shown = stack.enter_context(
            nginx.running(folder / "nginx", plain, tls, [s.port for s, _ in replicas], connections=_MORE_CONNECTIONS)
        )
        pids["nginx"] = _with_children(int((folder / "nginx" / "nginx.pid").read_text()))
        store_url = replicas[0][0].store_url
        yield Whole(
            folder,
            tls,
            shown,
            store_url,
            pids,
            redis,
            [counted for _, counted in replicas],
            [served for served, _ in replicas],
        )


def _fake(folder: Path, port: int) -> AbstractContextManager[int]:
    url = f"http://127.0.0.1:{port}/api/version"
    return running([str(folder / "fake_ollama"), str(port)], None, url, {}, folder / "fake.log")


def _replicas(
    stack: ExitStack, folder: Path, fake: int, mongo: MongoServer, redis: RedisServer
) -> list[tuple[Served, Path]]:
    secret = folder / "secret"
    secret.write_text(new_secret())
    (folder / _METRICS_TOKEN).write_text(secrets.token_hex(32))
    env = {
        "AICHAT_STORE_URL": f"{mongo.url}load", "AICHAT_REDIS_URL": redis.url, "AICHAT_SECRET_FILE": str(secret),
    }  # fmt: skip
    started = []
    for number in range(_REPLICAS):
        counted, config = folder / f"commands-{number}.json", folder / f"counting_{number}.py"
        config.write_text(f"from benchmarks import mongo_commands\nmongo_commands.install({str(counted)!r})\n")
        arguments = (
            "--AIChatApp.trusted_proxies=127.0.0.1",
            f"--config={config}",
            f"--AIChatApp.metrics_token_file={folder / _METRICS_TOKEN}",
        )
        started.append((stack.enter_context(replica(folder, fake, env, arguments)), counted))
    return started


def _text(url: str, token: str) -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read(), "utf-8")


def _with_children(pid: int) -> list[int]:
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _rss_mb(pid: int) -> float:
    found = re.search(r"^Rss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _sockets(pid: int) -> int:
    count = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            count += str(each.readlink()).startswith("socket:")
    return count
