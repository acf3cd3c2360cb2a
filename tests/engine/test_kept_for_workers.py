"""Answers under way when the last worker dies: a process that asks no model keeps them until there is one again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from jupyter_aichat.domain.event import (
    Event,
    QueuePosition,
    RunFinished,
    Snapshot,
    TextDelta,
    ThinkingDelta,
    decode_event,
)
from jupyter_aichat.domain.ids import ChatId, InstanceId, MessageId, OwnerId, RunId
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.domain.run import NOBODYS_EPOCH, epoch_of
from jupyter_aichat.domain.usage import UsageQuery
from jupyter_aichat.engine import instance, offering, processes
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.offers import Offer
from jupyter_aichat.engine.requests import Sent
from jupyter_aichat.errors import ProviderUnreachable, StoreUnavailable
from jupyter_aichat.providers.base import Chunk, ThinkingChunk
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text, until
from tests.engine.divided import Divided
from tests.engine.replicas import kill
from tests.fakes import DONE, FakeProvider

SAID = "some "
NOBODY_THERE = QueuePosition(1, None, "no_worker")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let who is gone be known soon."""
    monkeypatch.setattr(processes, "TELL_S", 0.05)
    monkeypatch.setattr(processes, "HEARD_S", 0.3)
    monkeypatch.setattr(instance, "WATCH_S", 0.1)
    monkeypatch.setattr(offering, "PAUSES_S", (0.05,))


async def begun(service: Divided, api: Engine, *said: str | tuple[Chunk, ...]) -> tuple[Engine, Sent]:
    """A worker, and an answer that it has begun."""
    worker = await service.start("worker")
    await service.know(api)
    sent = await ask(api)
    service.provider.say(*said)
    await until(lambda: service.provider.active == 1 and not service.provider._steps.qsize())
    if said:
        await until(lambda: any(isinstance(event, TextDelta | ThinkingDelta) for event in _events(service, sent)))
    return worker, sent


def _events(service: Divided, sent: Sent) -> list[Event]:
    """What the bus was given of an answer."""
    return [decode_event(entry.data) for entry in service.bus.appended if entry.run_id == sent.run.id]


async def left_alone(service: Divided, api: Engine) -> Sent:
    """An answer whose only worker died, as it is kept by a process that asks no model."""
    worker, sent = await begun(service, api, SAID)
    await kill(worker, service.dead)
    await until(lambda: api.unclaimed == 1)
    return sent


async def test_an_answer_is_kept_and_goes_on_when_a_worker_comes(service: Divided, provider: FakeProvider) -> None:
    api = await service.start("api")
    worker, sent = await begun(service, api, SAID)
    reading = asyncio.create_task(read(api, sent.run.id))
    await kill(worker, service.dead)
    await until(lambda: NOBODY_THERE in _events(service, sent))
    snapshot, told = [event for _, event in await read(api, sent.run.id, None, until=2)]
    assert isinstance(snapshot, Snapshot)
    assert text_of(snapshot.message.parts) == SAID
    assert told == NOBODY_THERE
    assert (await api.runs.get(OWNER, sent.run.id)).state == "queued"
    other = await service.start("worker")
    await until(lambda: other.active_runs == 1)
    provider.say("more", (DONE,))
    events = await reading
    assert (text(events), end(events).state) == ("some more", "completed")
    assert NOBODY_THERE in [event for _, event in events]
    assert [seq for seq, _ in events] == sorted(seq for seq, _ in events)
    reply = await stored(api, sent.reply)
    assert [(mark.offset, mark.cause) for mark in reply.continuations] == [(len(SAID), "takeover")]
    assert text_of(provider.requests[-1].messages[-1].parts) == SAID
    await until(lambda: not api.active_runs and not api.unclaimed)


async def test_what_is_kept_can_be_stopped_from_any_process(service: Divided, provider: FakeProvider) -> None:
    api = await service.start("api")
    sent = await left_alone(service, api)
    other = await service.start("api")
    reading = asyncio.create_task(read(other, sent.run.id))
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    await other.runs.stop(OWNER, sent.run.id)
    events = await reading
    assert loop.time() - asked_at < 1
    assert (text(events), end(events).state, end(events).reason) == (SAID, "stopped", "user")
    reply = await stored(other, sent.reply)
    assert (reply.status, text_of(reply.parts)) == ("stopped", SAID)
    await service.start("worker")
    await service.know(api)
    assert not provider.active


async def test_a_stop_from_before_anybody_kept_it_is_honoured(service: Divided) -> None:
    api = await service.start("api")
    worker, sent = await begun(service, api, SAID)
    reading = asyncio.create_task(read(api, sent.run.id))
    await kill(worker, {})
    await api.runs.stop(OWNER, sent.run.id)
    service.dead[worker._instance._id] = 8.0
    events = await reading
    assert (text(events), end(events).state, end(events).reason) == (SAID, "stopped", "user")


async def test_a_chat_is_deleted_whose_answer_is_kept(service: Divided) -> None:
    api = await service.start("api")
    sent = await left_alone(service, api)
    reading = asyncio.create_task(read(api, sent.run.id))
    await api.chats.delete(OWNER, sent.reply.chat_id)
    assert (end(await reading).state, end(await reading).reason) == ("stopped", "deleted")
    await settled(api)


async def test_exactly_one_process_keeps_each_and_the_next_when_that_is_gone(
    service: Divided, provider: FakeProvider
) -> None:
    apis = [await service.start("api") for _ in range(3)]
    worker, first = await begun(service, apis[0], SAID)
    sent = [first, *[await ask(apis[0]) for _ in range(9)]]
    await until(lambda: worker.active_runs == 10)
    await kill(worker, service.dead)
    await until(lambda: sum(api.unclaimed for api in apis) == 10)
    for each in sent:
        assert (await apis[0]._store.get_run(OWNER, each.run.id)).epoch == 2
    killed, stopped, last = sorted(apis, key=lambda api: -api.unclaimed)
    await kill(killed, service.dead)
    await until(lambda: stopped.unclaimed + last.unclaimed == 10)
    await stopped.stop()
    await until(lambda: last.unclaimed == 10)
    provider.say(*[(DONE,)] * 10)
    await service.start("worker")
    for each in sent:
        events = await read(last, each.run.id)
        assert (text(events), end(events).state) == (SAID if each is first else "", "completed")


async def test_what_is_kept_for_too_long_ends_with_its_text(service: Divided, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offering, "KEPT_S", 0.2)
    api = await service.start("api")
    sent = await left_alone(service, api)
    events = await read(api, sent.run.id)
    assert (text(events), end(events)) == (SAID, RunFinished("interrupted", "server_restarted"))
    assert text_of((await stored(api, sent.reply)).parts) == SAID


async def test_an_answer_without_text_is_begun_again(service: Divided, provider: FakeProvider) -> None:
    api = await service.start("api")
    worker, sent = await begun(service, api)
    await kill(worker, service.dead)
    await until(lambda: api.unclaimed == 1)
    provider.say("all of it", (DONE,))
    await service.start("worker")
    events = await read(api, sent.run.id)
    assert (text(events), end(events).state) == ("all of it", "completed")


async def test_what_no_model_goes_on_from_ends_at_once(service: Divided) -> None:
    api = await service.start("api")
    worker, sent = await begun(service, api, (ThinkingChunk("hm"),))
    await kill(worker, service.dead)
    events = await read(api, sent.run.id)
    assert (end(events).state, end(events).reason) == ("interrupted", "server_restarted")


async def test_a_model_that_cannot_go_on_is_the_workers_to_know(service: Divided, provider: FakeProvider) -> None:
    provider.can_prefill = False
    api = await service.start("api")
    sent = await left_alone(service, api)
    await service.start("worker")
    events = await read(api, sent.run.id)
    assert (text(events), end(events).state) == (SAID, "interrupted")


async def test_a_worker_that_cannot_ask_the_model_leaves_it(service: Divided, provider: FakeProvider) -> None:
    """All come back at once, and the models last."""
    api = await service.start("api")
    sent = await left_alone(service, api)
    provider.unreachable = ProviderUnreachable("Nothing answers there.")
    worker = await service.start("worker")
    offers = _counted(worker, "get_run")
    await until(lambda: offers() >= 3)
    assert api.unclaimed == 1
    provider.unreachable = None
    provider.say("more", (DONE,))
    events = await read(api, sent.run.id)
    assert (text(events), end(events).state) == ("some more", "completed")


async def test_nothing_is_kept_while_nobody_is_heard_at_all(service: Divided) -> None:
    """Workers may be there all the same, and go on with it: without the bus that cannot be known."""
    api = await service.start("api")
    worker, sent = await begun(service, api, SAID)
    service.bus.deaf = True
    await until(lambda: api.workers == 0)
    await kill(worker, service.dead)
    looks = _counted(api, "lapsed")
    await until(lambda: looks() >= 3)
    assert (await api._store.get_run(OWNER, sent.run.id)).epoch == 1
    service.bus.deaf = False
    await until(lambda: api.unclaimed == 1)


def _counted(engine: Engine, name: str) -> Callable[[], int]:
    """Count how often a process asks the store something."""
    count, asked = 0, getattr(engine._store, name)

    async def ask_it(*args: object) -> object:
        nonlocal count
        count += 1
        return await asked(*args)

    setattr(engine._store, name, ask_it)
    return lambda: count


async def test_who_lets_go_of_what_it_keeps_takes_it_up_again(service: Divided) -> None:
    api = await service.start("api")
    sent = await left_alone(service, api)
    reading = asyncio.create_task(read(api, sent.run.id, None))
    api._workers.let_go()
    await until(lambda: api.unclaimed == 0)
    await api._instance._sweeper.look_at_own()
    await until(lambda: api.unclaimed == 1)
    await api.runs.stop(OWNER, sent.run.id)
    events = await reading
    assert (text(events), end(events).state) == (SAID, "stopped")
    assert epoch_of(events[-1][0]) == 3


async def test_an_end_that_the_store_did_not_take_is_written_later(service: Divided) -> None:
    api = await service.start("api")
    sent = await left_alone(service, api)
    reading = asyncio.create_task(read(api, sent.run.id))
    store, end_run = api._store, api._store.end_run

    async def fail(*_: object) -> None:
        store.end_run = end_run  # type: ignore[method-assign]
        raise StoreUnavailable("The database is gone.")

    store.end_run = fail  # type: ignore[method-assign,assignment]
    await api.runs.stop(OWNER, sent.run.id)
    await until(lambda: api.active_runs == 0)
    await api._instance._sweeper.look_at_own()
    events = await reading
    assert (text(events), end(events).state, end(events).reason) == (SAID, "stopped", "user")


async def test_it_is_held_all_the_while_and_charged_once(service: Divided) -> None:
    service.rules = [{"tokens_per_day": 1000}]
    api = await service.start("api")
    sent = await left_alone(service, api)
    assert list(api.quotas._holds._held) == [sent.run.id]
    await api.runs.stop(OWNER, sent.run.id)
    await settled(api)
    [standing] = await api.quotas.standing(OWNER)
    assert standing.used > 0
    [record] = (await api.quotas.usage(UsageQuery(OWNER))).items
    assert (record.runs, record.completion_tokens) == (1, standing.used)
    assert not api.quotas._holds._held


class _OfferBefore(msgspec.Struct, frozen=True, array_like=True):
    """An offer as the version before knew it."""

    worker: InstanceId | None
    owner: OwnerId
    run: RunId
    chat: ChatId
    question: MessageId
    reply: MessageId


async def test_a_worker_of_the_version_before_does_no_harm(service: Divided) -> None:
    """It hears of a question where an answer is kept, and claims that from the first epoch: in vain."""
    api = await service.start("api")
    sent = await left_alone(service, api)
    offer = Offer(None, OWNER, sent.run.id, sent.reply.chat_id, sent.message.id, sent.reply.id, 2)
    before = msgspec.json.decode(msgspec.json.encode(offer), type=_OfferBefore)
    assert before.run == sent.run.id
    assert msgspec.json.decode(msgspec.json.encode(before), type=Offer).epoch == NOBODYS_EPOCH
    assert await api._store.claim(OWNER, before.run, NOBODYS_EPOCH, InstanceId("before")) is None
    assert api.unclaimed == 1
