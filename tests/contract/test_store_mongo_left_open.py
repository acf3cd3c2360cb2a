"""What a process leaves open in MongoDB when it dies in the middle of a transaction."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.domain.run import RunEnd
from tests.contract.store_turns import ADA, HERE, THERE
from tests.contract.test_store_mongo_faults import opened, server, until_it_works
from tests.mongo_server import MongoServer

__all__ = ["server"]

_DYING = """
import asyncio, sys, time
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.mongo_base import by_id
from tests.contract.store_turns import ADA, THERE, begun

async def main():
    store = MongoStore(sys.argv[1] + "chats")
    await store.open()
    await store.join(THERE)
    run = (await begun(store)).record

    async def half(db):
        await db.update("runs", by_id(ADA, run.run.id), {"$set": {"seq": 7, "instance": THERE}})
        print(run.run.id, flush=True)
        time.sleep(60)

    await store._database.transaction(half)

asyncio.run(main())
"""


def die_halfway(server: MongoServer) -> str:
    """Let a process die in the middle of a transaction on its own run, and return the run's id."""
    with subprocess.Popen([sys.executable, "-c", _DYING, server.url], stdout=subprocess.PIPE, text=True) as dying:
        assert dying.stdout is not None
        run_id = dying.stdout.readline().strip()
        dying.kill()
    return run_id


async def test_it_is_undone_when_the_process_is_given_up_so_that_its_run_can_be_taken(server: MongoServer) -> None:
    async with opened(server) as store:
        await store.join(HERE)
        run_id = RunId(await asyncio.to_thread(die_halfway, server))
        killed = time.monotonic()
        while not any(each.instance == THERE for each in await store.lapsed(HERE)):
            await asyncio.sleep(0.05)
        run = await store.get_run(ADA, run_id)
        await until_it_works(lambda: store.end_run(ADA, run_id, run.epoch, RunEnd("interrupted", seq=8)))
        assert time.monotonic() - killed < 8
        ended = await store.get_run(ADA, run_id)
        assert (ended.run.state, ended.run.seq, ended.instance) == ("interrupted", 8, run.instance)
