"""A Jupyter server in remote mode, and behind it a service in a process of its own, one for a module."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp

from jupyter_aichat.app import AIChatApp
from tests.server.client import Client
from tests.server.process import TOKEN, Server, running

MODELS = ("counter-40-2", "counter-400-20", "endless-50", "echo", "slow-load-20000")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What is forwarded to."""
    names = [f"--ScriptedProvider.names={name}" for name in MODELS]
    with running(tmp_path_factory.mktemp("service"), *names, f"--AIChatApp.default_model={MODELS[0]}") as server:
        yield server


@pytest.fixture
def remote_mode(service: Server) -> dict[str, Any]:
    """The settings of remote mode; a test module may have others."""
    return {"service_url": service.url, "token": TOKEN}


@pytest.fixture
def jp_server_config(remote_mode: dict[str, Any]) -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_aichat": True, "jupyter_server_terminals": False},
            "allow_unauthenticated_access": False,
        },
        "IdentityProvider": {"cookie_name": "login"},
        "RemoteMode": remote_mode,
    }


@pytest.fixture
def started(jp_serverapp: ServerApp, jp_asyncio_loop: asyncio.AbstractEventLoop) -> AIChatApp:
    """The extension after its start hook."""
    start: Any = jp_serverapp.extension_manager.start_all_extensions
    jp_asyncio_loop.run_until_complete(start())
    (found,) = jp_serverapp.extension_manager.extension_apps["jupyter_aichat"]
    assert isinstance(found, AIChatApp)
    return found


@pytest.fixture
def client(started: AIChatApp, jp_fetch: Callable[..., Any], jp_ws_fetch: Callable[..., Any]) -> Iterator[Client]:
    client = Client(jp_fetch, jp_ws_fetch)
    yield client
    client.close()
