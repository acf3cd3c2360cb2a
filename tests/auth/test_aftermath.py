"""What another process let in before it heard of an end of access: it does not outlive its account, or goes on."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_aichat.auth import aftermath
from jupyter_aichat.auth.assembly import AccountService
from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.auth.people import HOME, register
from tests.contract.store_turns import HERE, begun

ROOT = OwnerId("root")


async def test_what_is_made_after_a_deletion_goes_too(service: AccountService, store: SqliteStore) -> None:
    ada = await register(service)
    await service.administration.delete(ROOT, HOME, ada.id)
    await begun(store, owner=ada.id)
    assert (await store.list_chats(ada.id, ChatQuery(archived=None))).items
    async with asyncio.timeout(aftermath.AFTER_S + 5):
        while (await store.list_chats(ada.id, ChatQuery(archived=None))).items:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("enabled_again", [False, True])
async def test_answers_that_begin_after_their_account_was_disabled_stop(
    service: AccountService, store: SqliteStore, enabled_again: bool
) -> None:
    ada = await register(service)
    await service.administration.disable(ROOT, HOME, ada.id)
    run = (await begun(store, owner=ada.id)).record.run
    assert await store.stop_requests(HERE) == ()
    if enabled_again:
        await service.administration.disable(ROOT, HOME, ada.id, disabled=False)
    await service.accounts.stop()
    assert await store.stop_requests(HERE) == (() if enabled_again else (run.id,))
