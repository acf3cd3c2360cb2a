"""A service's accounts on an SQLite file, with cheap hashes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from jupyter_aichat.auth.assembly import AccountRules, AccountService, Ports, assemble
from jupyter_aichat.auth.keys import Key, new_secret, parse_keys
from jupyter_aichat.auth.passwords import Passwords
from jupyter_aichat.auth.registration import RegistrationMode
from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.stores.sqlite import SqliteStore

MakeService = Callable[..., Awaitable[AccountService]]

LOG = logging.getLogger("tests.auth")


@pytest.fixture
def store(jp_asyncio_loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "chats.sqlite3")
    jp_asyncio_loop.run_until_complete(store.open())
    yield store
    jp_asyncio_loop.run_until_complete(store.close())


@pytest.fixture
def keys() -> tuple[Key, ...]:
    return parse_keys(new_secret())


@pytest.fixture
def make_service(
    jp_asyncio_loop: asyncio.AbstractEventLoop, store: SqliteStore, keys: tuple[Key, ...]
) -> Iterator[MakeService]:
    """Start services on the same store, as processes would; `cost` is bcrypt's, other names are those of the rules."""
    services: list[AccountService] = []

    async def make(
        registration: RegistrationMode = "open",
        *,
        signs: tuple[Key, ...] = keys,
        cost: int = 4,
        bus: LocalBus | None = None,
        cache: LocalCache | None = None,
        **rules: object,
    ) -> AccountService:
        ports = Ports(
            store.accounts, store, bus or LocalBus(), cache or LocalCache(), LocalCache(), store.shares, store.usage
        )
        service = assemble(
            ports, signs, registration, rules=AccountRules(**rules), passwords=Passwords(cost=cost), log=LOG
        )
        await service.accounts.start()
        services.append(service)
        return service

    yield make
    for service in services:
        jp_asyncio_loop.run_until_complete(service.accounts.stop())


@pytest.fixture
def service(jp_asyncio_loop: asyncio.AbstractEventLoop, make_service: MakeService) -> AccountService:
    async def make() -> AccountService:
        return await make_service()

    return jp_asyncio_loop.run_until_complete(make())
