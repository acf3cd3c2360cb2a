"""Replicas of the service: Jupyter servers on one MongoDB and one Redis, and a reader who follows a run from any."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.server.process import Server, running
from tests.service.engine_process import MODELS
from tests.service.processes import ServerProcess


class Replica(ServerProcess):
    """One of the replicas."""

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.server.process.pid, number)

    def stop_run(self, sent: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.server.json("DELETE", f"/runs/{sent['run']['id']}")
        return answer


@contextmanager
def replica(folder: Path, name: str, store_url: str, redis_url: str, *arguments: str) -> Iterator[Replica]:
    """Run a replica; `folder` is for its files, its chats are in the database."""
    own = folder / name
    own.mkdir(exist_ok=True)
    models = [f"--ScriptedProvider.names={model}" for model in MODELS]
    shared = (f"--AIChatApp.store_url={store_url}", f"--AIChatApp.redis_url={redis_url}")
    with running(own, *shared, *models, *arguments) as server:
        yield Replica(server, name)


class Reading:
    """A reader of one run: it keeps its place, and comes back with it, to the next replica where one is gone."""

    def __init__(self, servers: list[Server], run_id: str) -> None:
        self._servers, self._run_id = servers, run_id
        self.text = ""
        self.changed_at = time.monotonic()
        self.gaps: list[float] = []
        self.snapshots: list[dict[str, Any]] = []
        self.finished: dict[str, Any] | None = None
        self.connections = 0
        self._after = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read_on, daemon=True)
        self._thread.start()

    def _read_on(self) -> None:
        while self.finished is None and not self._over.is_set():
            server = self._servers[self.connections % len(self._servers)]
            self.connections += 1
            try:
                with server.http.stream("GET", f"/runs/{self._run_id}/events?after={self._after}") as answer:
                    answer.raise_for_status()
                    self._take(answer)
            except (httpx.HTTPError, httpx.InvalidURL):
                time.sleep(0.1)
            except RuntimeError:  # the client is closed: the test is over, and failed
                return

    def _take(self, answer: httpx.Response) -> None:
        for line in answer.iter_lines():
            if self._over.is_set():
                return
            if line.startswith("data:"):
                self._see(json.loads(line[5:]))

    def _see(self, frame: dict[str, Any]) -> None:
        assert frame["seq"] > self._after, "twice"
        self._after, event = frame["seq"], frame["event"]
        before = self.text
        if event["type"] == "snapshot":
            self.snapshots.append(event["message"])
            self.text = "".join(part["text"] for part in event["message"]["parts"])
        elif event["type"] == "text_delta":
            self.text += event["text"]
        elif event["type"] == "run_finished":
            self.finished = event
        if self.text != before:
            now = time.monotonic()
            self.gaps.append(now - self.changed_at)
            self.changed_at = now

    def close(self) -> None:
        self._over.set()
