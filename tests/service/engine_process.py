"""An engine in a process of its own without a server, as a kernel has one; a line of JSON asks it, a line answers.

Run with the SQLite file as its argument. Ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import msgspec
from traitlets.config import Config, SingletonConfigurable

from jupyter_aichat.domain.ids import ChatId, MessageId, OwnerId, RunId
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Again, Send
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.wiring import Settings, build

OWNER = OwnerId("local")
MODELS = [
    "counter-3-1",
    "counter-20-5",
    "counter-60-50",
    "counter-100-50",
    "counter-150-20",
    "counter-400-25",
    "endless-50",
]
_CONFIG = {"ScriptedProvider": {"scenarios": True, "names": MODELS}, "OllamaProvider": {"url": "http://127.0.0.1:9"}}


class _Host(SingletonConfigurable):
    """Hands the configuration down."""


async def _answer(engine: Engine, op: str, **asked: Any) -> Any:
    if op == "send":
        return await engine.runs.send(OWNER, Send((TextPart("Count."),), model=asked["model"]))
    if op == "continue":
        return await engine.runs.resume(OWNER, Again(ChatId(asked["chat_id"]), MessageId(asked["message_id"])))
    if op == "message":
        page = await engine.chats.messages(OWNER, ChatId(asked["chat_id"]), None, 100)
        return next(message for message in page.items if message.id == asked["message_id"])
    if op == "run":
        return await engine.runs.get(OWNER, RunId(asked["run_id"]))
    raise ValueError(op)


def _tell(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def _serve(path: str) -> None:
    engine = build(Settings(store_url=path, parent=_Host(config=Config(_CONFIG))))
    await engine.start()
    _tell("ready")
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                answer = msgspec.to_builtins(await _answer(engine, **json.loads(line)))
            except AIChatError as error:
                answer = {"code": error.code}
            _tell(answer)
    finally:
        await engine.stop()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
