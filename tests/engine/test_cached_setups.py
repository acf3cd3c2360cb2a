"""What is known of a model is kept in the cache; whatever is wrong there, the model is asked again and no run fails."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.errors import CacheUnavailable
from tests.engine.collect import ask, end, read, text
from tests.fakes import DONE, MODEL, FakeProvider


async def test_what_another_version_wrote_is_not_used(engine: Engine, provider: FakeProvider) -> None:
    key = f"setup:{MODEL.provider}:{MODEL.name}:{MODEL.digest}"
    for kept in (b"not json", b'{"model": 1}'):
        await engine._cache.put(key, kept, 60)
        sent = await ask(engine)
        provider.say("text", (DONE,))
        told = await read(engine, sent.run.id)
        assert (text(told), end(told).error) == ("text", None)
    assert await engine._cache.get(key) not in {None, b"not json", b'{"model": 1}'}


async def test_a_cache_that_is_away_fails_no_run(
    engine: Engine, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise CacheUnavailable

    for name in ("get", "put", "add", "increment"):
        monkeypatch.setattr(engine._cache, name, away)
    sent = await ask(engine)
    provider.say("text", (DONE,))
    told = await read(engine, sent.run.id)
    assert (text(told), end(told).error) == ("text", None)
