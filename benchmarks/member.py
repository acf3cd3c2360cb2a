"""People with accounts in a service, made beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from jupyter_aichat.auth.accounts import new_account
from jupyter_aichat.auth.opaque import hash_of
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.domain.principal import Principal
from jupyter_aichat.wiring import Desk, Settings, desk

_SCOPES = ("chats:read", "chats:write")


@asynccontextmanager
async def _beside(store_url: str) -> AsyncIterator[Desk]:
    found = desk(Settings(store_url=store_url))
    await found.store.open()
    try:
        yield found
    finally:
        await found.store.close()


async def personal_tokens(store_url: str, count: int) -> list[str]:
    """Make accounts in a store, and return a token of each."""
    async with _beside(store_url) as beside:
        return [await _token(beside, f"person{n}") for n in range(count)]


async def personal_token(store_url: str) -> str:
    """Make an account in a store, and return a token of it."""
    async with _beside(store_url) as beside:
        return await _token(beside, "benchmark")


async def _token(beside: Desk, name: str) -> str:
    account = await beside.store.accounts.create_account(new_account(name, None))
    who = Principal(account.id, account.name, account.display_name, account.roles, _SCOPES)
    return (await beside.service.accounts.tokens.create(who, name, _SCOPES, timedelta(days=1), Origin()))[1]


async def revoke(store_url: str, token: str) -> None:
    """Delete a token."""
    async with _beside(store_url) as beside:
        (found,) = await beside.store.accounts.tokens([hash_of(token)])
        await beside.store.accounts.delete_token(found.owner_id, found.id)
