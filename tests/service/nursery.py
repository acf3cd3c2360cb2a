"""Replicas without a web server, born quickly: a process that has imported everything forks one for each line it reads.

Run with the URLs of store and Redis, the seconds after which a silent replica counts as dead, and the path of a socket.
There the replicas report and take orders, one JSON a line. A replica ends when its connection does.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from functools import partial
from typing import Any

import motor.motor_asyncio  # noqa: F401 (so that no replica has to)
import msgspec
import redis.asyncio  # noqa: F401
from traitlets.config import Config, SingletonConfigurable

from jupyter_aichat import wiring
from jupyter_aichat.domain.ids import ChatId, OwnerId, RunId
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Send
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.stores.mongo import MongoStore

OWNER = OwnerId("ada")
LAST = 160
MODEL = f"counter-{LAST}-25"
_CONFIG = {
    "ScriptedProvider": {"scenarios": True, "names": [MODEL]},
    "OllamaProvider": {"url": "http://127.0.0.1:9"},
}


class _Host(SingletonConfigurable):
    """Hands the configuration down."""


class _Replica:
    """One replica and its one connection."""

    def __init__(self, engine: Engine, writer: asyncio.StreamWriter) -> None:
        self._engine, self._writer = engine, writer
        self._tasks: set[asyncio.Task[None]] = set()

    def _tell(self, **said: Any) -> None:
        self._writer.write(json.dumps(said).encode() + b"\n")

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Carry out orders until the connection ends."""
        self._tell(pid=os.getpid())
        while line := await reader.readline():
            task = asyncio.create_task(self._carry_out(**json.loads(line)), name="order")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, number: int, op: str, **asked: Any) -> None:
        try:
            answer = await getattr(self, f"_{op}")(number, **asked)
            self._tell(number=number, answer=msgspec.to_builtins(answer))
        except AIChatError as error:
            self._tell(number=number, error=error.code)

    async def _send(self, _: int, key: str) -> Any:
        return await self._engine.runs.send(OWNER, Send((TextPart("Count."),), model=MODEL, key=key))

    async def _messages(self, _: int, chat_id: str) -> Any:
        return (await self._engine.chats.messages(OWNER, ChatId(chat_id), None, 100)).items

    async def _read(self, number: int, run_id: str, after: int) -> None:
        woken = asyncio.Event()
        reader = await self._engine.runs.read(OWNER, RunId(run_id), after, woken.set)
        while not reader.finished:
            await woken.wait()
            woken.clear()
            while events := reader.take():
                for event in events:
                    self._tell(number=number, frame={"seq": event.seq, "event": msgspec.json.decode(event.data)})

    async def _tasks_left(self, _: int) -> list[str]:
        gc.collect()
        return sorted(task.get_name() for task in asyncio.all_tasks() if task.get_name() != "order")


async def _live(store_url: str, redis_url: str, path: str) -> None:
    settings = wiring.Settings(store_url=store_url, redis_url=redis_url, parent=_Host(config=Config(_CONFIG)))
    engine = wiring.build(settings)
    reader, writer = await asyncio.open_unix_connection(path)
    await engine.start()
    await _Replica(engine, writer).serve(reader)
    await engine.stop()
    writer.close()


def _bear(store_url: str, redis_url: str, lapse_s: str, path: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who were killed
    setattr(wiring, "MongoStore", partial(MongoStore, lapse_s=float(lapse_s)))  # noqa: B010 (its type is another)
    gc.freeze()
    for _ in sys.stdin:
        if not os.fork():
            asyncio.run(_live(store_url, redis_url, path))
            os._exit(0)


if __name__ == "__main__":
    _bear(*sys.argv[1:])
