"""A real kernel under a real server, its models scripted; one of each for a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.kernels import Kernel, served_kernel
from tests.server.process import Server, running

MODELS = ("counter-200-20", "echo", "endless-20")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    names = [f"--ScriptedProvider.names={name}" for name in MODELS]
    with running(tmp_path_factory.mktemp("server"), *names, "--AIChatApp.default_model=echo") as server:
        yield server


@pytest.fixture(scope="module")
def kernel(server: Server) -> Iterator[Kernel]:
    with served_kernel(server) as kernel:
        yield kernel


@pytest.fixture
def fresh(kernel: Kernel) -> Kernel:
    """The kernel, about to begin a new chat."""
    done = kernel.run("%chat --chat new")
    assert done.status == "ok", done.errors
    return kernel
