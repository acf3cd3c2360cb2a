"""Fixtures of all tests: no network but this machine's own, nothing blocking on the loop, the real Ollama."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from tests import redis_server
from tests.ollama import server as ollama_server

pytest_plugins = ("pytest_jupyter.jupyter_server",)

OF_TESTS = ("AICHAT_CACHE", "AICHAT_TEST_")
IN_CI = os.environ.get("CI") == "true"


def _is_loopback(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def only_loopback() -> Iterator[None]:
    """Refuse every connection and every name look-up that would leave this machine."""
    look_up, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex

    def check(host: object) -> None:
        if not _is_loopback(host):
            raise RuntimeError(f"a test may not reach {host!r}: only this machine")

    def check_address(sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            check(address[0])

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return look_up(host, *args, **kwargs)

    def guarded_connect(sock: socket.socket, address: Any) -> None:
        check_address(sock, address)
        connect(sock, address)

    def guarded_connect_ex(sock: socket.socket, address: Any) -> int:
        check_address(sock, address)
        return connect_ex(sock, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        yield


@pytest.fixture(autouse=True, scope="session")
def own_settings() -> Iterator[None]:
    """Let no setting of the developer's reach the tests: one of them would send every chat to a service."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AICHAT_") and not name.startswith(OF_TESTS)]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """Fail a test in which our own code blocks the event loop (files, sockets, `sqlite3`, `time.sleep`)."""
    with blockbuster_ctx("jupyter_aichat") as guard:
        yield guard


@pytest.fixture(scope="session")
def ollama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Ollama with counter, endless, thinker, tooler, slow-counter and slow-endless."""
    with ollama_server.running(_ollama_program(), tmp_path_factory.mktemp("ollama")) as server:
        yield server.url


@pytest.fixture
def own_ollama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ollama_server.OllamaServer]:
    """A real Ollama for one test alone, which may kill it, its runners and its models."""
    with ollama_server.running(_ollama_program(), tmp_path_factory.mktemp("own-ollama")) as server:
        yield server


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis_server.RedisServer]:
    """A real Redis that the tests of this run share: take a prefix of your own, and leave it running."""
    _need_redis()
    with redis_server.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis_server.RedisServer]:
    """A real Redis for one test alone, which may stop it, fill it and cut its connections."""
    _need_redis()
    with redis_server.running(tmp_path_factory.mktemp("own-redis")) as server:
        yield server


def _need_redis() -> None:
    _need(redis_server.binary(), "no redis-server here: scripts/install-debian.sh test")


def _need(program: object, otherwise: str) -> None:
    if not program:
        if IN_CI:
            pytest.fail(otherwise)
        pytest.skip(otherwise)


def _ollama_program() -> Any:
    program = ollama_server.binary()
    _need(program, "no real Ollama here: `make ollama` builds it (needs Go 1.24+)")
    return program
