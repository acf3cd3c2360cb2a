"""An engine that keeps answers, and asking it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from traitlets.config import Config

from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.cache.local_queue import LocalQueue
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.answers import AnswerCache
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Sent
from jupyter_aichat.errors import CacheUnavailable
from jupyter_aichat.providers.base import FinishedChunk
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.engine.collect import read, text, until
from tests.engine.lines import ask_as
from tests.fakes import FakeProvider

SURE = Options(temperature=0)
SECRET = b"of the service"


class ShakyCache(LocalCache):
    """A cache that a test can take away, and look into."""

    away = False

    async def get(self, key: str) -> bytes | None:
        if self.away:
            raise CacheUnavailable
        return await super().get(key)

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        if self.away:
            raise CacheUnavailable
        await super().put(key, value, ttl_s)

    def answers(self) -> list[bytes]:
        return [value for key, (_, value) in self._values.items() if key.startswith("answer:")]


class Service:
    """One engine; `make` takes the traits of `AnswerCache`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, file: Path, provider: FakeProvider) -> None:
        self._loop, self._file, self._provider = loop, file, provider
        self.cache = ShakyCache()
        self.engines: list[Engine] = []

    def make(self, scope: str = "own", capacity: int = 0, **traits: Any) -> Engine:
        config = Config({"AnswerCache": {"scope": scope, **traits}, "Admission": {"capacity": {"*": capacity}}})
        engine = Engine(
            SqliteStore(self._file), LocalBus(), self.cache, [self._provider],
            admission=Admission(LocalQueue(), config=config), answers=AnswerCache(lambda: SECRET, config=config),
        )  # fmt: skip
        self._loop.run_until_complete(engine.start())
        self.engines.append(engine)
        return engine


def says(provider: FakeProvider, words: str) -> None:
    provider.say(words, (FinishedChunk("stop", Usage(prompt_tokens=None, completion_tokens=3)),))


async def ask(engine: Engine, words: str = "hi", owner: str = "ada", options: Options = SURE, **fields: Any) -> Sent:
    return await ask_as(engine, owner, words, options=options, **fields)


async def answer(engine: Engine, sent: Sent, owner: str = "ada") -> str:
    events = await read(engine, sent.run.id, owner=OwnerId(owner))
    return text(events) if (state := events[-1][1].state) == "completed" else state  # type: ignore[union-attr]


async def answered(engine: Engine, provider: FakeProvider, words: str = "hi", says_: str = "yes", **how: Any) -> Sent:
    """Ask, let the provider answer, and wait for the end."""
    asked = len(provider.requests)
    sent = await ask(engine, words, **how)
    await until(lambda: len(provider.requests) == asked + 1)
    says(provider, says_)
    assert await answer(engine, sent, how.get("owner", "ada")) == says_
    await until(lambda: not engine.answers._flights)
    return sent
