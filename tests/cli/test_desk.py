"""What a command waits for where a service runs beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jupyter_aichat.auth.administration import COMMAND_LINE
from jupyter_aichat.auth.aftermath import AFTER_S
from jupyter_aichat.cli.desk import opened, operator
from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.ids import InstanceId
from jupyter_aichat.stores.sqlite import SqliteStore
from jupyter_aichat.wiring import Settings, desk
from tests.contract.store_turns import begun


@pytest.mark.parametrize("served", [True, False])
async def test_what_a_service_lets_in_before_it_hears_of_a_deletion_goes_too(tmp_path: Path, served: bool) -> None:
    loop, file = asyncio.get_running_loop(), tmp_path / "chats.sqlite3"
    service = SqliteStore(file)
    await service.open()
    if served:
        await service.join(InstanceId("service"))
    found = desk(Settings(f"sqlite://{file}"))
    async with opened(found):
        administration = found.service.administration
        eve = await administration.create(COMMAND_LINE, operator(), "eve", "correct horse battery")
        await administration.delete(COMMAND_LINE, operator(), eve.id)
        await begun(service, owner=eve.id)
        since = loop.time()
    assert (loop.time() - since >= AFTER_S - 0.1) is served
    assert (await service.list_chats(eve.id, ChatQuery(archived=None))).items == ()
    await service.close()
