"""A Jupyter server with the extension, its store in a temporary file, its models scripted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp

from jupyter_aichat.app import AIChatApp
from tests.server.client import Client

MODEL = "counter-40-2"


@pytest.fixture
def models() -> list[str]:
    """The scripted models on offer, the first of them the default; a test module may have others."""
    return [MODEL, "counter-200-5", "endless-5", "endless-50", "counter-1000-0", "slow-load-20000"]


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    return tmp_path / "store" / "chats.sqlite3"


@pytest.fixture
def aichat_config() -> dict[str, Any]:
    """What a test wants of the app beside the usual."""
    return {}


@pytest.fixture
def jp_server_config(models: list[str], store_file: Path, aichat_config: dict[str, Any]) -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_aichat": True, "jupyter_server_terminals": False},
            "allow_unauthenticated_access": False,
        },
        "IdentityProvider": {"cookie_name": "login"},  # by default it is named for the host, which has two names here
        "AIChatApp": {"store_url": str(store_file), "default_model": models[0], **aichat_config},
        "OllamaProvider": {"url": "http://127.0.0.1:9"},
        "ScriptedProvider": {"scenarios": True, "names": models},
    }


@pytest.fixture
def app(jp_serverapp: ServerApp) -> AIChatApp:
    """The extension, not started yet."""
    (found,) = jp_serverapp.extension_manager.extension_apps["jupyter_aichat"]
    assert isinstance(found, AIChatApp)
    return found


@pytest.fixture
def started(app: AIChatApp, jp_serverapp: ServerApp, jp_asyncio_loop: asyncio.AbstractEventLoop) -> AIChatApp:
    """The extension after its start hook, which the fixtures of pytest-jupyter do not run."""
    start: Any = jp_serverapp.extension_manager.start_all_extensions
    jp_asyncio_loop.run_until_complete(start())
    return app


@pytest.fixture
def client(started: AIChatApp, jp_fetch: Callable[..., Any], jp_ws_fetch: Callable[..., Any]) -> Iterator[Client]:
    """The only owner's client."""
    client = Client(jp_fetch, jp_ws_fetch)
    yield client
    client.close()
