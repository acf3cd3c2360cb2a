"""One real service for the tests of a module, on SQLite, with scripted models; and Ada, Eve and an administrator."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.service_app.process import OPENED, Person, Service, running

MODELS = ("counter-40-2", "counter-5-1", "endless-20", "slow-load-20000")

OF_THE_MACHINE = """
c.ServerApp.base_url = "/another"
c.ServerApp.jpserver_extensions = {"jupyter_server_terminals": True}
"""
"""What people's own servers are told on this machine, and the service must not hear."""


@pytest.fixture(autouse=True)
def closed_sockets(jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Close what a test has opened."""
    yield

    async def close() -> None:
        while OPENED:
            OPENED.pop().connection.close()

    jp_asyncio_loop.run_until_complete(close())


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    """What a module wants of its service beside the usual, as on the command line."""
    return ()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, service_arguments: tuple[str, ...]) -> Iterator[Service]:
    """The service."""
    models = [f"--ScriptedProvider.names={model}" for model in MODELS]
    default = f"--AIChatApp.default_model={MODELS[0]}"
    folder = tmp_path_factory.mktemp("service")
    (folder / "config").mkdir()
    (folder / "config" / "jupyter_server_config.py").write_text(OF_THE_MACHINE)
    cheap = [] if any("--Passwords.cost=" in each for each in service_arguments) else ["--Passwords.cost=4"]
    with running(folder, default, *models, *cheap, *service_arguments) as service:
        yield service


@pytest.fixture(scope="module")
def ada(service: Service) -> Person:
    """Somebody with an account."""
    return service.person("Ada")


@pytest.fixture(scope="module")
def eve(service: Service) -> Person:
    """Somebody else."""
    return service.person("Eve")


@pytest.fixture(scope="module")
def admin(service: Service) -> Person:
    """An administrator."""
    return service.person("Root", "user", "admin")
