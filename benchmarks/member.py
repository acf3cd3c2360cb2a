"""Somebody with an account in a service, made beside it."""

from __future__ import annotations

from datetime import timedelta

from jupyter_aichat.auth.accounts import new_account
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.domain.principal import Principal
from jupyter_aichat.wiring import Settings, desk

_SCOPES = ("chats:read", "chats:write")


async def personal_token(store_url: str) -> str:
    """Make an account in a store, and a token of it."""
    beside = desk(Settings(store_url=store_url))
    await beside.store.open()
    try:
        account = await beside.store.accounts.create_account(new_account("benchmark", None))
        who = Principal(account.id, account.name, account.display_name, account.roles, _SCOPES)
        tokens = beside.service.accounts.tokens
        return (await tokens.create(who, "benchmark", _SCOPES, timedelta(days=1), Origin()))[1]
    finally:
        await beside.store.close()
