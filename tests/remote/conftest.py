"""A Jupyter server in remote mode, and behind it a service in a process of its own, one for a module."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from jupyter_server.serverapp import ServerApp
from yarl import URL

from jupyter_aichat.app import AIChatApp
from jupyter_aichat.auth.scopes import READ, WRITE
from tests.remote import fake as fakes
from tests.server.client import Client
from tests.service_app.process import Person, Service, running

MODELS = ("counter-40-2", "counter-400-20", "endless-50", "echo", "slow-load-20000")


@contextmanager
def running_service(folder: Path, *arguments: str, secret: str = "") -> Iterator[Service]:
    """A real service with scripted models."""
    names = (f"--ScriptedProvider.names={name}" for name in MODELS)
    default = f"--AIChatApp.default_model={MODELS[0]}"
    with running(folder, default, *names, "--Passwords.cost=4", *arguments, secret=secret) as service:
        yield service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """What is forwarded to."""
    with running_service(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="module")
def ada(service: Service) -> Person:
    """Whose Jupyter server it is."""
    return service.person("Ada")


@pytest.fixture(scope="module")
def token(service: Service, ada: Person) -> str:
    """What she has made for it."""
    return service.personal_token(ada, READ, WRITE)


@pytest.fixture
def remote_mode(service: Service, token: str) -> dict[str, Any]:
    """The settings of remote mode; a test module may have others."""
    return {"service_url": service.url, "token": token}


@pytest.fixture
def fake(jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[fakes.Fake]:
    """What answers in the place of a service."""
    fake = jp_asyncio_loop.run_until_complete(fakes.start())
    yield fake
    jp_asyncio_loop.run_until_complete(fake.stop())


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


class Raw:
    """Asks the Jupyter server by paths that are sent as they are; answers are held against no document."""

    def __init__(self, base: str, header: dict[str, str]) -> None:
        self._base, self._header = f"{base}api/aichat/v1", header
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))

    @property
    def token(self) -> str:
        """The Jupyter server's."""
        return self._header["Authorization"].split()[1]

    async def __call__(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> Got:
        async with self.open(method, path, headers, body) as answer:
            return Got(answer.status, answer.headers, await answer.read())

    def open(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Any:
        """The answer as it comes in."""
        url = URL(self._base + path, encoded=True)
        return self._session.request(
            method,
            url,
            headers={**self._header, **(headers or {})},
            data=body and io.BytesIO(body),
            allow_redirects=False,
        )

    async def close(self) -> None:
        await self._session.close()


class Got(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> tuple[int, str]:
        """Status and code of an error."""
        return self.status, self.json["code"]


@pytest.fixture
def raw(
    started: AIChatApp,
    http_server: Any,  # what listens at the port
    jp_http_port: int,
    jp_base_url: str,
    jp_auth_header: dict[str, str],
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> Iterator[Raw]:
    async def make() -> Raw:
        return Raw(f"http://127.0.0.1:{jp_http_port}{jp_base_url}", dict(jp_auth_header))

    raw = jp_asyncio_loop.run_until_complete(make())
    yield raw
    jp_asyncio_loop.run_until_complete(raw.close())
