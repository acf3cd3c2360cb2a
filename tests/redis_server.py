"""A real redis-server for tests and benchmarks: in memory, on a port of this machine, stopped and started at will."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

_STARTS_S = 10.0
_STOPS_S = 5.0


def binary() -> str | None:
    """Where the program is, if it is here."""
    return shutil.which("redis-server")


def free_port() -> int:
    """A port that nobody listens on; Redis wants to be told one, and to have it again after a restart."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """One redis-server. What it keeps is gone when it stops.

    Parameters
    ----------
    folder
        Where its socket and its log are.
    arguments
        More of its configuration, as on its command line.
    config
        A file of its configuration; a Sentinel needs one, and writes into it.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        port: int | None = None,
        tls: bool = False,
        sentinel: bool = False,
        config: Path | None = None,
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.socket = folder / "redis.sock"
        self._tls = tls
        memory_alone = () if sentinel else ("--save", "", "--appendonly", "no")
        self._arguments = (*memory_alone, *arguments, *(("--sentinel",) if sentinel else ()))
        self._config = [str(config)] if config else []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"{'rediss' if self._tls else 'redis'}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, empty, and wait until it answers."""
        program = binary()
        assert program is not None
        ports = ["--port", "0", "--tls-port", str(self.port)] if self._tls else ["--port", str(self.port)]
        log = (self.folder / "redis.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [program, *self._config, *ports, "--bind", "127.0.0.1", "--unixsocket", str(self.socket),
                 "--dir", str(self.folder), *self._arguments],
                stdout=log, stderr=log,
            )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + _STARTS_S
        while time.monotonic() < until:
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "redis.log").read_text()
            with contextlib.suppress(OSError):
                if self.command("PING")[:1] in {b"+", b"-"}:  # it answers, if only that it wants a password
                    return
            time.sleep(0.01)
        raise TimeoutError("redis-server did not start")

    def command(self, *words: str) -> bytes:
        """Send a command on a connection of its own; return the raw answer's beginning."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(self.socket))
            packed = b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)
            connection.sendall(b"*%d\r\n%s" % (len(words), packed))
            return connection.recv(65536)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_STOPS_S)
            self._process = None

    def restart(self) -> None:
        """End it and start it again, empty, on the same port."""
        self.kill()
        self.start()


@contextlib.contextmanager
def running(
    folder: Path,
    *arguments: str,
    port: int | None = None,
    tls: bool = False,
    sentinel: bool = False,
    config: Path | None = None,
) -> Iterator[RedisServer]:
    """Run a server until the end of the block."""
    server = RedisServer(folder, *arguments, port=port, tls=tls, sentinel=sentinel, config=config)
    server.start()
    try:
        yield server
    finally:
        server.kill()
