"""Readiness: a part that hangs is named within two seconds; an open panel alone does not keep the providers busy."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.model import Model
from jupyter_aichat.engine import health
from jupyter_aichat.engine.health import FRESH_S, Health
from jupyter_aichat.engine.models import Catalogue
from tests.fakes import FakeProvider

log = logging.getLogger(__name__)


class CountedProvider(FakeProvider):
    """Counts how often it is asked for its models."""

    asked = 0

    async def models(self) -> tuple[Model, ...]:
        self.asked += 1
        return await super().models()


class Part:
    """Answers, or hangs."""

    hangs = False

    async def ping(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()


def looked_after(part: Part, provider: FakeProvider) -> Health:
    works = Part()
    catalogue = Catalogue([provider], LocalCache(), "", log)
    return Health(part.ping, works.ping, works.ping, catalogue, log)


async def test_a_part_that_hangs_is_named_within_two_seconds() -> None:
    part = Part()
    looks = looked_after(part, FakeProvider())
    assert (await looks.readiness()).status == "ok"
    part.hangs = True
    hung = time.monotonic()
    while (await looks.readiness()).parts.store == "ok":
        await asyncio.sleep(0.01)
    assert time.monotonic() - hung < 2
    part.hangs = False
    while (await looks.readiness()).status != "ok":
        await asyncio.sleep(0.01)
    assert time.monotonic() - hung < 4


async def test_who_only_watches_does_not_ask_the_providers_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "FRESH_S", FRESH_S / 20)
    provider = CountedProvider()
    looks = looked_after(Part(), provider)
    looks.watch(lambda _: None)
    looks.start()
    await asyncio.sleep(FRESH_S / 2)
    watched = provider.asked
    for _ in range(3):
        await asyncio.sleep(FRESH_S / 10)
        assert (await looks.readiness()).status == "ok"
    await looks.stop()
    assert (watched, provider.asked) == (1, 4)
