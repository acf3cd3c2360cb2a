"""The trace of a question that one process commits and another answers: how long nobody had it is in there too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from jupyter_aichat.domain.process import ProcessRole, Roles
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.sqlite import SqliteStore
from jupyter_aichat.tracing.tracing import Tracing
from tests.engine.collect import OWNER, ask, end, read, until
from tests.engine.divided import SharedCache
from tests.engine.replicas import ReplicaStore, SharedBus
from tests.fakes import DONE, FakeProvider

WAIT_S = 0.3


class Traced:
    """Engines with roles, whose spans are kept."""

    def __init__(self, folder: Path, provider: FakeProvider) -> None:
        self._file, self._provider = folder / "chats.sqlite3", provider
        self._bus, self._cache, self.engines = SharedBus(), SharedCache(), list[Engine]()
        self.exporter, tracer = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
        tracer.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(tracer.get_tracer("test"), tracer.shutdown)

    async def start(self, role: ProcessRole) -> Engine:
        """Start a process."""
        store = cast("Store", ReplicaStore(SqliteStore(self._file), {}))
        roles = Roles((role,))
        engine = Engine(store, self._bus, self._cache, [self._provider], roles=roles, observer=self.tracing)
        self.engines.append(engine)
        await engine.start()
        return engine

    def span(self, name: str) -> ReadableSpan | None:
        """The one span of that name that has ended, if there is one."""
        return next((span for span in self.exporter.get_finished_spans() if span.name == name), None)


@pytest.fixture
def traced(tmp_path: Path, provider: FakeProvider, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Traced]:
    traced = Traced(tmp_path, provider)
    yield traced
    for engine in traced.engines:
        jp_asyncio_loop.run_until_complete(engine.stop())
    traced.tracing.close()


def seconds(span: ReadableSpan) -> float:
    assert span.start_time
    assert span.end_time
    return (span.end_time - span.start_time) / 1e9


async def test_the_wait_for_a_worker_is_in_the_trace(traced: Traced, provider: FakeProvider) -> None:
    api = await traced.start("api")
    finish = traced.tracing.begin_request("/chats/{chat_id}/messages", "POST", None)
    sent = await ask(api)
    finish(202)
    await asyncio.sleep(WAIT_S)  # that long nobody has it
    provider.say("late", (DONE,))
    await traced.start("worker")
    assert end(await read(api, sent.run.id)).state == "completed"
    await until(lambda: traced.span("claim") is not None and traced.span("run") is not None)
    request, claim, run = (traced.span(name) for name in ("POST /chats/{chat_id}/messages", "claim", "run"))
    assert request
    assert claim
    assert run
    assert claim.parent is not None
    assert run.parent is not None
    assert claim.parent.span_id == run.parent.span_id == request.context.span_id
    assert claim.context.trace_id == run.context.trace_id == request.context.trace_id
    assert seconds(claim) >= WAIT_S
    assert claim.attributes is not None
    assert (claim.attributes["aichat.run.id"], claim.attributes["aichat.run.epoch"]) == (sent.run.id, 0)


async def test_a_question_that_nobody_took_ends_its_wait(traced: Traced) -> None:
    api = await traced.start("api")
    sent = await ask(api)
    reading = asyncio.create_task(read(api, sent.run.id))
    await api.runs.stop(OWNER, sent.run.id)
    assert end(await reading).state == "stopped"
    await until(lambda: traced.span("claim") is not None)
    claim = traced.span("claim")
    assert claim
    assert claim.attributes is not None
    assert claim.attributes["aichat.run.state"] == "stopped"
