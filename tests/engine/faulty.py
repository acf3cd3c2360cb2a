"""A store that can be away, be slow, and tells what it was asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from jupyter_aichat.errors import AIChatError, StoreUnavailable
from jupyter_aichat.stores.sqlite import SqliteStore


class FaultyStore:
    """A SQLite store in which a test can make each question fail or wait.

    ``away`` names the questions that fail ("*" for all), ``gate`` holds back those of ``held``.
    """

    def __init__(self, path: Path) -> None:
        self._store = SqliteStore(path)
        self.away: set[str] = set()
        self.error: AIChatError = StoreUnavailable("The disk is gone.")
        self.held: set[str] = set()
        self.gate = asyncio.Event()
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._store, name)
        if name in ("open", "close", "takes_over"):
            return asked

        async def ask(*args: Any, **kwargs: Any) -> Any:
            self.asked[name] += 1
            if name in self.away or "*" in self.away:
                raise self.error
            if name in self.held:
                await self.gate.wait()
            return await asked(*args, **kwargs)

        return ask
