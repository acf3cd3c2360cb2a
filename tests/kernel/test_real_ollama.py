"""A cell relays the real Ollama, without gap or repeat, with a server and without one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.chats import messages, newest_chat, text_of
from tests.kernel.kernels import Kernel, lone_kernel, served_kernel
from tests.ollama.server import OllamaServer
from tests.server.client import counted
from tests.server.process import Server, running

pytestmark = pytest.mark.timeout(300)

LONG_S = 200.0
"""For four hundred tokens on a machine whose processors are all at work elsewhere."""


@pytest.fixture(scope="module")
def server(ollama: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server"), *_settings(ollama)) as server:
        yield server


def _settings(ollama: str) -> tuple[str, str]:
    """Scripted models would be taken for Ollama's of the same names."""
    return f"--OllamaProvider.url={ollama}", "--ScriptedProvider.scenarios=False"


@pytest.fixture(scope="module")
def kernel(server: Server) -> Iterator[Kernel]:
    with served_kernel(server) as kernel:
        yield kernel


def test_a_cell_relays_an_answer_without_gap_or_repeat(kernel: Kernel, server: Server) -> None:
    done = kernel.run("%%chat --chat new --model counter\nCount.", patience_s=LONG_S)
    assert done.errors == []
    assert done.answer == counted(400)
    assert text_of(messages(server, newest_chat(server)["id"])[-1]) == counted(400)
    assert all(counted(400).startswith(version) for version in done.versions[:-1] if version != "*…*")


def test_a_kernel_without_a_server_relays_it_too(ollama: str, tmp_path: Path) -> None:
    with lone_kernel(tmp_path, OLLAMA_HOST=ollama) as (kernel, _):
        done = kernel.run("%%chat --model counter\nCount.", patience_s=LONG_S)
        assert (done.errors, done.answer) == ([], counted(400))


def test_a_thinking_model_shows_its_answer(kernel: Kernel) -> None:
    assert kernel.run("%chat --chat new --model thinker go", patience_s=LONG_S).answer.split() == [
        str(n) for n in range(1, 41)
    ]


def test_an_interrupt_frees_the_runner(own_ollama: OllamaServer, tmp_path: Path) -> None:
    def busy_s() -> float:
        return sum(sum(runner.cpu_times()[:2]) for runner in own_ollama.runners())

    def is_idle() -> bool:
        before = busy_s()
        time.sleep(0.5)
        return busy_s() - before < 0.1

    with running(tmp_path, *_settings(own_ollama.url)) as server, served_kernel(server) as kernel:
        begun = kernel.begin("%chat --model slow-endless go")
        kernel.wait(lambda: " 5" in kernel.shown(begun))
        asked = time.monotonic()
        kernel.interrupt()
        done = kernel.end(begun)
        assert time.monotonic() - asked < 1
        while not is_idle():
            assert time.monotonic() - asked < 5
        assert counted(1000).startswith(done.answer)


def test_an_ollama_that_is_not_there_says_how_to_start_it(own_ollama: OllamaServer, tmp_path: Path) -> None:
    with running(tmp_path, *_settings(own_ollama.url)) as server, served_kernel(server) as kernel:
        assert kernel.run("%chat --model counter go", patience_s=LONG_S).answer == counted(400)
        own_ollama.kill()
        (error,) = kernel.run("%chat --chat new --model counter go").errors
        assert "ollama serve" in error
