"""Tells how late an event loop was: a service loads this by its configuration, and writes what it saw when it ends."""

from __future__ import annotations

import asyncio
import atexit
import json
import time
from pathlib import Path

from jupyter_aichat.server.lifecycle import Lifecycle

EVERY_S = 0.001
WORTH_S = 0.005

Hold = tuple[float, float]
"""When it was seen (seconds since 1970), and for how many seconds the loop was late."""


def install(path: str) -> None:
    """Watch the loop from the start of the chat on."""
    holds: list[Hold] = []
    begin = Lifecycle.start

    async def start(self: Lifecycle) -> None:
        asyncio.get_running_loop().call_soon(_look, time.perf_counter(), holds)
        await begin(self)

    Lifecycle.start = start  # type: ignore[method-assign]
    atexit.register(lambda: Path(path).write_text(json.dumps(holds)))


def _look(due: float, holds: list[Hold]) -> None:
    now = time.perf_counter()
    if now - due > WORTH_S:
        holds.append((time.time(), now - due))
    asyncio.get_running_loop().call_later(EVERY_S, _look, now + EVERY_S, holds)
