"""The guards of `conftest.py` catch what they are there for."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from blockbuster import BlockingError

import jupyter_aichat

OURS = str(Path(jupyter_aichat.__file__).parent / "probe.py")


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.invalid"])
def test_tests_reach_no_other_machine(host: str) -> None:
    with pytest.raises(RuntimeError, match="only this machine"):
        socket.create_connection((host, 80), timeout=1)


def test_tests_reach_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_our_code_may_not_block_the_loop(tmp_path: Path) -> None:
    names = {"path": tmp_path / "file"}
    probe = compile("path.write_text('x')", OURS, "exec")

    async def block() -> None:
        exec(probe, names)

    with pytest.raises(BlockingError):
        asyncio.run(block())


def test_our_code_may_block_in_a_thread(tmp_path: Path) -> None:
    names = {"path": tmp_path / "file"}
    probe = compile("path.write_text('x')", OURS, "exec")

    asyncio.run(asyncio.to_thread(exec, probe, names))

    assert names["path"].read_text() == "x"
