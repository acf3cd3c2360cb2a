"""A real service in a process of its own, and people with accounts there.

Accounts are made and logged in beside the server, on the same store with the same secret, so that tests of other things
neither pay for its hashes nor depend on its routes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from jupyter_aichat.auth.accounts import new_account
from jupyter_aichat.auth.assembly import AccountRules, AccountService, Ports, assemble
from jupyter_aichat.auth.keys import new_secret, parse_keys
from jupyter_aichat.auth.passwords import Passwords
from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.wiring import Settings, make_store
from tests.server.client import Socket

START_S = 40.0
PASSWORD = "correct horse battery"
ORIGIN = Origin("192.0.2.7", "pytest")
DEFAULTS = {
    "--port": "0",
    "--OllamaProvider.url": "http://127.0.0.1:9",
    "--ScriptedProvider.scenarios": "True",
    "--RequestLimits.per_minute": "0",  # tests ask faster than people do
    "--RequestLimits.sends_per_minute": "0",
    "--RequestLimits.strangers_per_minute": "0",
}
LOG = logging.getLogger("tests.service_app")

OPENED: list[Socket] = []
"""The sockets of this test, which its end closes."""

Found = TypeVar("Found")


@dataclass
class Person:
    """Somebody with an account, logged in."""

    name: str
    owner_id: str
    token: str
    refresh_token: str
    session_id: str
    http: httpx.Client
    password: str = PASSWORD

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """Ask for JSON; raises `httpx.HTTPStatusError`."""
        answer = self.http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def send(self, model: str, text: str = "Count.", **fields: Any) -> Any:
        """Ask a question in a chat of its own."""
        chat = self.json("POST", "/chats", {})["id"]
        return self.json("POST", f"/chats/{chat}/messages", {"text": text, "model": model, **fields})


@dataclass
class Service:
    """A running service."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    store_url: str
    secret: str
    trusted: ssl.SSLContext | None = None
    http: httpx.Client = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.http = self.client()

    @property
    def base(self) -> str:
        """Where the routes are."""
        return f"{self.url}api/aichat/v1"

    def client(self, token: str | None = None, **kwargs: Any) -> httpx.Client:
        """Return a client of a credential, or of nobody."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self._stack.enter_context(
            httpx.Client(base_url=self.base, headers=headers, timeout=20, verify=self.trusted or True, **kwargs)
        )

    def with_accounts(self, work: Callable[[AccountService], Awaitable[Found]]) -> Found:
        """Do something with the accounts, beside the server: what it says on its bus, the server does not hear."""

        async def do() -> Found:
            store = make_store(Settings(store_url=self.store_url))
            await store.open()
            ports = Ports(store.accounts, store, LocalBus(), LocalCache(), LocalCache(), store.shares, store.usage)
            rules, passwords = AccountRules(), Passwords(cost=4)
            found = assemble(ports, parse_keys(self.secret), "open", rules=rules, passwords=passwords, log=LOG)
            await found.accounts.start()
            try:
                return await work(found)
            finally:
                await found.accounts.stop()
                if isinstance(store, MongoStore):
                    await store.close()
                else:
                    await store.close()

        return asyncio.run(do())

    def person(self, name: str, *roles: str) -> Person:
        """Make an account and log in."""

        async def make(service: AccountService) -> str:
            account = await service.administration.create(
                new_account("x", None).id, ORIGIN, name, PASSWORD, roles=roles or ("user",)
            )
            return account.id

        return self.login(name, self.with_accounts(make))

    def login(self, name: str, owner_id: str, password: str = PASSWORD) -> Person:
        """Log in once more: another session."""
        grant = self.with_accounts(lambda service: service.accounts.login(name, password, ORIGIN))
        client = self.client(grant.access_token)
        return Person(name, owner_id, grant.access_token, grant.refresh_token, grant.session_id, client, password)

    def personal_token(self, person: Person, *scopes: str) -> str:
        """Make a personal token of somebody's."""

        async def make(service: AccountService) -> str:
            who = (await service.accounts.authenticate(person.token)).principal
            lives = timedelta(days=1)
            return (await service.accounts.tokens.create(who, f"of {person.name}", scopes, lives, ORIGIN))[1]

        return self.with_accounts(make)

    async def socket(self, token: str | None, **headers: str) -> Socket:
        """Open a socket as browsers do, with the token among the subprotocols; its hello is not taken."""
        protocols = ["aichat.v1"] if token is None else ["aichat.v1", f"jwt.{token}"]
        request = HTTPRequest(f"{self.base.replace('http', 'ws', 1)}/ws", headers=headers, ssl_options=self.trusted)
        socket = Socket(await websocket_connect(request, subprotocols=protocols))
        OPENED.append(socket)
        return socket

    def terminate(self) -> int:
        """Ask it to end; return what it exits with."""
        self.process.terminate()
        return self.process.wait(20)

    def close(self) -> None:
        """Let go of all clients."""
        self._stack.close()


@contextmanager
def running(
    folder: Path,
    *arguments: str,
    store_url: str = "",
    secret: str = "",
    environment: dict[str, str] | None = None,
    trusted: ssl.SSLContext | None = None,
) -> Iterator[Service]:
    """Run a service whose files are below a folder; several may share a store and a secret. With TLS, `trusted` knows it."""
    folder.mkdir(parents=True, exist_ok=True)
    store_url = store_url or f"sqlite:///{folder / 'chats.sqlite3'}"
    secret = secret or new_secret()
    (folder / "secret").write_text(secret)
    given = {"--AIChatApp.store_url": store_url, "--AIChatApp.secret_file": str(folder / "secret"), **DEFAULTS}
    command = [
        *(sys.executable, "-m", "jupyter_aichat.service.app", "--ServerApp.ip=127.0.0.1"),
        *(f"{name}={value}" for name, value in given.items() if not any(a.startswith(f"{name}=") for a in arguments)),
        *arguments,
    ]
    with (folder / "service.log").open("ab") as log:
        process = subprocess.Popen(
            command, env={**surroundings(folder), **(environment or {})}, stderr=log, stdout=log, cwd=folder
        )
        try:
            url = _wait(process, folder, trusted)
            service = Service(process, url, folder / "service.log", store_url, secret, trusted)
            try:
                yield service
            finally:
                service.close()
        finally:
            process.kill()
            process.wait()


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of a process whose files are below a folder."""
    folders = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    source = str(Path(__file__).parents[2])
    return {**os.environ, **folders, "PYTHONPATH": source}


def _wait(process: subprocess.Popen[bytes], folder: Path, trusted: ssl.SSLContext | None) -> str:
    info = folder / "runtime" / f"aichat-service-{process.pid}.json"
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if (url := _url(info)) and _ready(url, trusted):
            return url
        time.sleep(0.05)
    raise AssertionError(f"the service did not start: {(folder / 'service.log').read_text()[-2000:]}")


def _url(info: Path) -> str | None:
    try:
        return str(json.loads(info.read_text())["url"])
    except (FileNotFoundError, ValueError):
        return None


def _ready(url: str, trusted: ssl.SSLContext | None) -> bool:
    try:
        state = httpx.get(f"{url}api/aichat/v1/health", timeout=5, verify=trusted or True).json()["state"]
    except (httpx.HTTPError, ValueError):
        return False
    return bool(state == "ready")
