"""A real Prometheus that asks a real service, with the configuration that operators are given."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
STARTS_S = 30.0


@dataclass
class Prometheus:
    """A running Prometheus."""

    url: str

    def query(self, expression: str) -> list[Any]:
        """Return what an expression gives now; raises `httpx.HTTPStatusError` for one that is wrong."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=10)
        answer.raise_for_status()
        return list(answer.json()["data"]["result"])

    def rules(self) -> list[dict[str, Any]]:
        """Return the alerts, and how their last evaluation went."""
        groups = httpx.get(f"{self.url}/api/v1/rules", timeout=10).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def wait(self, done: Callable[[], object]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + STARTS_S
        while not done():
            assert time.monotonic() < deadline, "Prometheus did not come to it"
            time.sleep(0.1)


@contextmanager
def running(folder: Path, target: str, token: str) -> Iterator[Prometheus]:
    """Let Prometheus ask a service each second, with all else as `deploy/prometheus` has it."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "metrics-token").write_text(token)
    shutil.copy(FOLDER / "alerts.yml", folder)
    port = _free_port()
    command = [
        *("prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"),
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            found = Prometheus(f"http://127.0.0.1:{port}")
            found.wait(lambda: _ready(found.url))
            yield found
        finally:
            process.kill()
            process.wait()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
