"""Processes that divide their work: one answers requests and asks no model, others take what it has committed."""

from __future__ import annotations

import asyncio
import logging

import msgspec
import pytest

from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.event import QueuePosition, RunStarted
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.domain.process import BOTH, parse_roles
from jupyter_aichat.engine import claiming, offering, published
from jupyter_aichat.engine.models import Catalogue
from jupyter_aichat.engine.published import STATES
from tests.engine.collect import OWNER, ask, end, read, settled, stored, text, until
from tests.engine.divided import Divided
from tests.engine.replicas import kill
from tests.fakes import DONE, FakeProvider


def test_roles_are_read() -> None:
    assert parse_roles("api, worker") == BOTH
    assert parse_roles("worker") == {"worker"}
    for wrong in ("", "apis", "api,,worker", "api,cook"):
        with pytest.raises(ValueError, match="api, worker"):
            parse_roles(wrong)


async def test_a_worker_takes_what_an_api_process_commits(service: Divided, provider: FakeProvider) -> None:
    api, worker = await service.start("api"), await service.start("worker")
    await service.know(api)
    assert (await api.models.list()).items == provider.listed
    sent = await ask(api)
    assert sent.run.state == "queued"
    reading = asyncio.create_task(read(api, sent.run.id))
    await until(lambda: provider.active == 1)
    provider.say("all ", "of it", (DONE,))
    events = await reading
    assert (text(events), end(events).state) == ("all of it", "completed")
    assert events[0][0] == (1 << 32) + 1
    assert isinstance(events[0][1], RunStarted)
    record = await api._store.get_run(OWNER, sent.run.id)
    assert (record.instance, record.epoch) == (worker._id, 1)
    assert provider.requests[0].digest == provider.listed[0].digest
    assert text_of((await stored(api, sent.reply)).parts) == "all of it"
    assert api.active_runs == api.unclaimed == 0


@pytest.mark.parametrize(("parallel", "capacity"), [(0, 0), (4, 4), (None, 1)])
async def test_lines_are_bounded_by_what_the_workers_providers_take(
    service: Divided, provider: FakeProvider, parallel: int | None, capacity: int
) -> None:
    provider.parallel = parallel
    api, worker = await service.start("api", capacity=None), await service.start("worker", capacity=None)
    await service.know(api)
    await api.models.list()
    for engine in (api, worker):
        assert engine._admission.capacity_of("fake", "fake") == capacity


async def test_processes_of_the_version_before_and_of_this_one_bound_lines_alike(provider: FakeProvider) -> None:
    """It knew places by the provider's name alone."""
    provider.parallel = 4
    cache, log = LocalCache(), logging.getLogger(__name__)
    worker = Catalogue([provider], cache, "", log)
    await worker.list()
    assert worker.parallels == {"fake": 4, "fake/fake": 4}
    known = {"models": provider.listed, "parallel": {"fake": 4}}
    await cache.put(published.MODELS, msgspec.json.encode(known), published.MODELS_KEPT_S)
    api = published.PublishedCatalogue(cache, "", log)
    await api.list()
    assert api.parallel("fake", "fake") == 4


async def test_an_api_process_asks_no_model_itself(service: Divided, provider: FakeProvider) -> None:
    api = await service.start("api")
    assert not (await api.models.list()).items
    assert (await api.readiness()).parts.provider == "down"
    sent = await ask(api)
    await asyncio.sleep(2 * claiming.LOOK_S)
    assert api.unclaimed == 1
    assert not provider.requests
    assert (await api.runs.get(OWNER, sent.run.id)).state == "queued"


async def test_without_a_worker_a_question_waits_says_why_and_is_answered_later(
    service: Divided, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offering, "PAUSES_S", (0.02,))
    monkeypatch.setattr(offering, "NO_WORKER_S", 0.0)
    api = await service.start("api")
    first, second = await ask(api), await ask(api)
    for position, sent in enumerate((first, second), 1):
        [(_, told)] = await read(api, sent.run.id, until=1)
        assert told == QueuePosition(position, None, "no_worker")
    provider.say("late", (DONE,), "later", (DONE,))
    await service.start("worker")
    for sent in (first, second):
        events = await read(api, sent.run.id)
        assert end(events).state == "completed"
        assert text(events) in ("late", "later")


async def test_a_question_is_stopped_before_anybody_has_it(service: Divided, provider: FakeProvider) -> None:
    api = await service.start("api")
    sent = await ask(api)
    reading = asyncio.create_task(read(api, sent.run.id))
    await api.runs.stop(OWNER, sent.run.id)
    events = await reading
    assert (end(events).state, end(events).reason) == ("stopped", "user")
    assert (await api.runs.get(OWNER, sent.run.id)).state == "stopped"
    await service.start("worker")
    await asyncio.sleep(3 * claiming.LOOK_S)
    assert not provider.requests


async def test_a_chat_is_deleted_before_anybody_has_its_question(service: Divided) -> None:
    api = await service.start("api")
    sent = await ask(api)
    reading = asyncio.create_task(read(api, sent.run.id))
    await api.chats.delete(OWNER, sent.reply.chat_id)
    assert (end(await reading).state, end(await reading).reason) == ("stopped", "deleted")
    await settled(api)


async def test_a_stop_reaches_the_worker(service: Divided, provider: FakeProvider) -> None:
    api, worker = await service.start("api"), await service.start("worker")
    await service.know(api)
    sent = await ask(api)
    await until(lambda: provider.active == 1)
    provider.say("some")
    begun = asyncio.get_running_loop().time()
    await api.runs.stop(OWNER, sent.run.id)
    await until(lambda: provider.active == 0)
    assert asyncio.get_running_loop().time() - begun < 1
    assert end(await read(api, sent.run.id)).state == "stopped"
    await settled(worker)


async def test_lost_offers_are_found_in_the_store(service: Divided, provider: FakeProvider) -> None:
    api = await service.start("api")
    await service.start("worker")
    await service.know(api)
    service.bus.deaf = True
    provider.say("found", (DONE,))
    events = await read(api, (await ask(api)).run.id)
    assert text(events) == "found"
    await until(lambda: api.unclaimed == 0)


async def test_each_worker_has_its_share(service: Divided, provider: FakeProvider) -> None:
    api = await service.start("api")
    workers = [await service.start("worker") for _ in range(3)]
    await service.know(api, 3)
    for _ in range(9):
        await ask(api)
    await until(lambda: provider.active == 9)
    assert min(worker.active_runs for worker in workers) >= 2  # what they say of themselves may be a moment old
    provider.say(*[(DONE,)] * 9)
    for worker in workers:
        await settled(worker)


async def test_the_place_in_line_passes_to_the_worker_and_back(service: Divided, provider: FakeProvider) -> None:
    api = await service.start("api", capacity=1)
    worker = await service.start("worker", capacity=1)
    await service.know(api)
    await api.models.list()
    first, second, third = await ask(api), await ask(api), await ask(api)
    await until(lambda: worker.waiting == {"fake/fake": 2})
    await until(lambda: api.unclaimed == 0)
    assert api.waiting == {"fake/fake": 0}
    assert provider.active == 1
    [(_, told)] = await read(api, third.run.id, until=1)
    assert (told.position, told.cause) == (2, None) if isinstance(told, QueuePosition) else False
    for sent in (first, second, third):
        await until(lambda: provider.active == 1)
        provider.say((DONE,))
        assert end(await read(api, sent.run.id)).state == "completed"
    await until(lambda: not service.queue._lines)


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_another_worker_goes_on(service: Divided, provider: FakeProvider, how: str) -> None:
    api, worker = await service.start("api"), await service.start("worker")
    await service.know(api)
    sent = await ask(api)
    provider.say("some ")
    reading = asyncio.create_task(read(api, sent.run.id))
    await until(lambda: worker.active_runs and not provider._steps.qsize())
    other = await service.start("worker")
    if how == "killed":
        await kill(worker, service.dead)
    else:
        await worker.stop()
    await until(lambda: other.active_runs == 1)
    provider.say("more", (DONE,))
    events = await reading
    assert (text(events), end(events).state) == ("some more", "completed")


async def test_an_api_process_that_dies_leaves_its_questions_to_the_workers(
    service: Divided, provider: FakeProvider
) -> None:
    api = await service.start("api")
    sent = await ask(api)
    await kill(api, service.dead)
    provider.say("all", (DONE,))
    other = await service.start("api")
    await service.start("worker")
    assert text(await read(other, sent.run.id)) == "all"


async def test_who_does_both_takes_offers_too(service: Divided, provider: FakeProvider) -> None:
    api, both = await service.start("api"), await service.start()
    await service.know(api)
    provider.say("one", (DONE,), "two", (DONE,))
    assert text(await read(api, (await ask(api)).run.id)) == "one"
    own = await ask(both)
    assert own.run.state == "loading"
    assert text(await read(api, own.run.id)) == "two"


async def test_models_are_known_without_a_worker_but_not_on_offer_as_if_all_were_well(
    service: Divided, provider: FakeProvider
) -> None:
    api, worker = await service.start("api"), await service.start("worker")
    await service.know(api)
    await worker.stop()
    assert api.workers == 0
    await service.cache.delete(STATES)
    await asyncio.sleep(0)
    later = await service.start("api")
    listed = await later.models.list()
    assert listed.items == provider.listed
    assert [state.state for state in listed.providers] == ["unreachable"]
    sent = await ask(later)
    assert (await later._store.get_run(OWNER, sent.run.id)).generation.provider == "fake"
