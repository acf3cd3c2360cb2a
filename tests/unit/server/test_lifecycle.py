"""Start and stop, with engines that fail in every way."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import pytest

from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.errors import NotReady, StoreUnavailable
from jupyter_aichat.server import lifecycle as module
from jupyter_aichat.server.lifecycle import Lifecycle

LOG = logging.getLogger("test")


class FakeEngine:
    """Starts and stops as told."""

    def __init__(self, start: Exception | float | None = None, stop: Exception | float | None = None) -> None:
        self._start, self._stop = start, stop
        self.calls: list[str] = []
        self.active_runs = 3

    async def _do(self, what: Exception | float | None) -> None:
        if isinstance(what, Exception):
            raise what
        await asyncio.sleep(what or 0)

    async def start(self) -> None:
        self.calls.append("start")
        await self._do(self._start)

    async def stop(self, grace_s: float) -> None:
        self.calls.append(f"stop {grace_s:g}")
        await self._do(self._stop)


class FakeConnection:
    stopped = 0

    def server_stops(self) -> None:
        self.stopped += 1


def _lifecycle(*engines: FakeEngine) -> Lifecycle:
    left = list(engines)
    return Lifecycle(lambda: (cast("Engine", left.pop(0)), None), LOG)


async def test_before_the_start_there_is_no_engine() -> None:
    lifecycle = _lifecycle()
    with pytest.raises(NotReady):
        _ = lifecycle.engine
    assert (lifecycle.state, lifecycle.failure, lifecycle.active_runs) == ("starting", None, 0)
    assert (await lifecycle.readiness()).status == "down"


async def test_a_started_engine_is_there_until_the_stop() -> None:
    engine = FakeEngine()
    lifecycle = _lifecycle(engine)
    await lifecycle.start()
    assert lifecycle.engine is cast("Engine", engine)
    assert lifecycle.active_runs == 3
    connection = FakeConnection()
    lifecycle.connections.add(connection)
    await lifecycle.stop()
    await lifecycle.stop()
    assert engine.calls == ["start", "stop 3"]
    assert connection.stopped == 1
    with pytest.raises(NotReady):
        _ = lifecycle.engine


@pytest.mark.parametrize(
    ("failure", "kind", "code"),
    [(StoreUnavailable("gone"), StoreUnavailable, "store_unavailable"), (OSError("secret"), NotReady, "not_ready")],
)
async def test_a_failed_start_is_kept_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, kind: type[Exception], code: str
) -> None:
    monkeypatch.setattr(module, "RETRY_S", (0.01,))
    broken, sound = FakeEngine(start=failure), FakeEngine()
    lifecycle = _lifecycle(broken, broken, sound)
    await lifecycle.start()
    assert (lifecycle.state, lifecycle.failure) == ("failed", code)
    with pytest.raises(kind) as caught:
        _ = lifecycle.engine
    assert "secret" not in str(caught.value)
    assert (await lifecycle.readiness()).status == "down"
    await asyncio.sleep(0.2)
    assert (lifecycle.state, lifecycle.failure) == ("ready", None)
    assert lifecycle.engine is cast("Engine", sound)
    await lifecycle.stop()


async def test_an_engine_that_cannot_be_made_is_a_failed_start_too() -> None:
    lifecycle = _lifecycle()
    await lifecycle.start()
    assert lifecycle.failure == "not_ready"
    await lifecycle.stop()


async def test_stop_without_start_and_start_after_stop_do_nothing() -> None:
    lifecycle = _lifecycle()
    await lifecycle.stop()
    await lifecycle.start()
    assert lifecycle.state == "stopping"


async def test_stop_in_the_middle_of_a_start_ends_it() -> None:
    lifecycle = _lifecycle(FakeEngine(start=60.0))
    starting = asyncio.ensure_future(lifecycle.start())
    await asyncio.sleep(0.01)
    await lifecycle.stop()
    await starting
    assert lifecycle.state == "stopping"


@pytest.mark.parametrize("fault", [RuntimeError("boom"), 60.0], ids=["raises", "lingers"])
async def test_a_stop_that_fails_neither_raises_nor_lingers(
    monkeypatch: pytest.MonkeyPatch, fault: Exception | float
) -> None:
    monkeypatch.setattr(module, "STOP_S", 0.05)
    lifecycle = _lifecycle(FakeEngine(stop=fault))
    await lifecycle.start()
    connection = FakeConnection()
    lifecycle.connections.add(connection)
    async with asyncio.timeout(1):
        await lifecycle.stop()
    assert connection.stopped == 1
