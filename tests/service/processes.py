"""Processes on one SQLite file, asked alike: Jupyter servers, and an engine without a server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.server.process import Server, running
from tests.service.engine_process import MODELS

ROOT = Path(__file__).parents[2]


class Process(Protocol):
    """One of the processes that share the chats."""

    name: str

    def send(self, model: str) -> dict[str, Any]: ...

    def message(self, sent: dict[str, Any]) -> dict[str, Any]: ...

    def run(self, sent: dict[str, Any]) -> dict[str, Any]: ...

    def resume(self, sent: dict[str, Any]) -> dict[str, Any]: ...

    def kill(self) -> None: ...


class ServerProcess:
    """A Jupyter server."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name

    def send(self, model: str) -> dict[str, Any]:
        chat = self.server.json("POST", "/chats", {})["id"]
        sent: dict[str, Any] = self.server.json("POST", f"/chats/{chat}/messages", {"text": "Count.", "model": model})
        return sent

    def message(self, sent: dict[str, Any]) -> dict[str, Any]:
        page = self.server.json("GET", f"/chats/{sent['reply']['chat_id']}/messages")
        return next(message for message in page["items"] if message["id"] == sent["reply"]["id"])

    def run(self, sent: dict[str, Any]) -> dict[str, Any]:
        run: dict[str, Any] = self.server.json("GET", f"/runs/{sent['run']['id']}")
        return run

    def resume(self, sent: dict[str, Any]) -> dict[str, Any]:
        reply = sent["reply"]
        again: dict[str, Any] = self.server.json(
            "POST", f"/chats/{reply['chat_id']}/messages/{reply['id']}/continue", {}
        )
        return again

    def kill(self) -> None:
        os.kill(self.server.process.pid, signal.SIGKILL)
        self.server.process.wait()


class EngineProcess:
    """An engine without a server."""

    name = "engine"

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, op: str, **asked: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"op": op, **asked}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def send(self, model: str) -> dict[str, Any]:
        sent: dict[str, Any] = self.ask("send", model=model)
        return sent

    def message(self, sent: dict[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = self.ask("message", chat_id=sent["reply"]["chat_id"], message_id=sent["reply"]["id"])
        return message

    def run(self, sent: dict[str, Any]) -> dict[str, Any]:
        run: dict[str, Any] = self.ask("run", run_id=sent["run"]["id"])
        return run

    def resume(self, sent: dict[str, Any]) -> dict[str, Any]:
        reply = sent["reply"]
        again: dict[str, Any] = self.ask("continue", chat_id=reply["chat_id"], message_id=reply["id"])
        return again

    def stop(self) -> None:
        """Let it end as a kernel that is shut down."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(6)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(folder: Path, name: str) -> Iterator[ServerProcess]:
    """Run a Jupyter server whose chats are in the file of the folder above it."""
    own = folder / name
    own.mkdir(exist_ok=True)
    models = [f"--ScriptedProvider.names={model}" for model in MODELS]
    with running(own, f"--AIChatApp.store_url=sqlite:///{folder / 'chats.sqlite3'}", *models) as server:
        yield ServerProcess(server, name)


@contextmanager
def engine_alone(folder: Path) -> Iterator[EngineProcess]:
    """Run an engine on the file of a folder."""
    command = (sys.executable, "-m", "tests.service.engine_process", str(folder / "chats.sqlite3"))
    with (
        (folder / "engine.log").open("w") as log,
        subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == '"ready"\n', (folder / "engine.log").read_text()
            yield EngineProcess(process)
        finally:
            process.kill()


def text_of(message: dict[str, Any]) -> str:
    return "".join(part["text"] for part in message["parts"])


def numbers(first: int, last: int) -> str:
    return "".join(f" {n}" for n in range(first, last + 1))


def within(seconds: float, condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds, and return what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.03)
    return found
