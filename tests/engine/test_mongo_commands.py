"""How many commands an answer costs MongoDB, of all that is asked for one: a bar, so that it is noticed when there are more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.requests import Sent
from jupyter_aichat.limits.quotas import Ledger, Quotas
from jupyter_aichat.providers.base import FinishedChunk
from jupyter_aichat.stores.mongo import MongoStore
from tests.contract import store_targets
from tests.contract.mongo_commands import RECORDER, Command, told
from tests.engine.collect import ask, read, settled, until
from tests.fakes import FakeProvider

DONE = FinishedChunk("stop", Usage(prompt_tokens=40, completion_tokens=10))
SEND = [
    "find chats",  # its model and options
    "findAndModify chats",  # its counter and leaf
    "find messages",  # the answer before, which must have ended
    "bulkWrite runs messages",
    "commitTransaction",
]
CONTEXT = ["find messages"]
END = ["bulkWrite runs messages segments usage", "commitTransaction"]


@pytest.fixture
def store(tmp_path: Path) -> MongoStore:
    return store_targets.mongo_target(tmp_path)


@pytest.fixture
def engine(jp_asyncio_loop: asyncio.AbstractEventLoop, store: MongoStore, provider: FakeProvider) -> Iterator[Engine]:
    """An engine of a service, in which everybody has a quota."""
    cache = LocalCache()
    quotas = Quotas(Ledger(cache, store.usage, store.accounts), rules=[{"tokens_per_day": 1_000_000}])
    engine = Engine(store, LocalBus(), cache, [provider], quotas=quotas)
    jp_asyncio_loop.run_until_complete(engine.start())
    yield engine
    jp_asyncio_loop.run_until_complete(engine.stop())


async def answered(engine: Engine, provider: FakeProvider, before: Sent | None = None) -> Sent:
    provider.say("yes", (DONE,))
    sent = await ask(engine, chat=None if before is None else before.reply.chat_id)
    await settled(engine)
    return sent


def of_answers(commands: list[Command]) -> list[str]:
    """What was asked for answers: not what processes ask about each other, whether there are answers or not."""
    return [told(each) for each in commands if "instances" not in each.values() and not _is_watch(each)]


def _is_watch(command: Command) -> bool:
    return command.get("find") == "runs" and "instance" in command["filter"]


async def test_a_short_answer_in_a_chat(engine: Engine, provider: FakeProvider) -> None:
    first = await answered(engine, provider)
    await answered(engine, provider, first)
    RECORDER.commands.clear()
    await answered(engine, provider, first)
    quota = ["find messages"]  # how long the answer before was
    assert of_answers(RECORDER.commands) == [*SEND[:1], *quota, *SEND[1:], *CONTEXT, *END]


async def test_the_first_answer_of_a_chat(engine: Engine, provider: FakeProvider) -> None:
    await answered(engine, provider)
    RECORDER.commands.clear()
    await answered(engine, provider)
    commit = ["bulkWrite runs chats messages", "commitTransaction"]
    assert of_answers(RECORDER.commands) == [*commit, *END]


async def test_an_answer_with_a_checkpoint_and_a_reader(engine: Engine, provider: FakeProvider) -> None:
    first = await answered(engine, provider)
    provider.say("so far")
    RECORDER.commands.clear()
    sent = await ask(engine, chat=first.reply.chat_id)
    reader, committed = asyncio.create_task(read(engine, sent.run.id)), RECORDER.committed
    await until(lambda: RECORDER.committed > committed)
    provider.say((DONE,))
    await reader
    await settled(engine)
    checkpoint = ["bulkWrite runs segments", "commitTransaction"]
    commands = of_answers(RECORDER.commands)
    assert commands[-4:] == [*checkpoint, *END]
    assert len(commands) == 11
