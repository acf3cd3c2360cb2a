"""A MongoDB for tests: SecantusDB in a process of its own, which a test may stop, kill and start again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = """
import json, os, signal, sys, threading
from secantus import SecantusDBServer
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
def end_with_the_tests():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=end_with_the_tests, daemon=True).start()
with SecantusDBServer(port=int(sys.argv[1]), storage_path=sys.argv[2], **json.loads(sys.argv[3])):
    print("ready", flush=True)
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
"""


class MongoServer:
    """A server on a port and a folder of its own, which it keeps over a restart.

    `options` are those of SecantusDB: with ``sync_on_commit`` each commit is on the disk before it is acknowledged, as
    MongoDB has it for a majority; slower, and what was acknowledged is there after a kill.
    """

    def __init__(self, folder: Path, options: Mapping[str, object]) -> None:
        self._folder, self._port, self._options = folder, _free_port(), dict(options)
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it listens; a database's name may follow."""
        return f"mongodb://127.0.0.1:{self._port}/"

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", _PROGRAM, str(self._port), str(self._folder), json.dumps(self._options)]
        with (self._folder.parent / f"{self._folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"SecantusDB did not start: see {log.name}")

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it hang: it holds its connections, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, **options: object) -> Iterator[MongoServer]:
    """Run a server that keeps its data in a folder; see `MongoServer`."""
    server = MongoServer(folder, options)
    server.start()
    try:
        yield server
    finally:
        server.kill()  # nobody needs its files any more, and an orderly end takes seconds


def given_url() -> str | None:
    """The real MongoDB that the tests shall use, where one is named; its databases ``aichat_test_…`` are made anew."""
    return os.environ.get("AICHAT_TEST_MONGO_URL") or None
