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

Hold = tuple[float, float, float]
"""When it was seen (seconds since 1970), for how many seconds the loop was late, and how many of them its thread ran.

The rest is the machine's: other processes had the core.
"""


def install(path: str) -> None:
    """Watch the loop from the start of the chat on."""
    holds: list[Hold] = []
    begin = Lifecycle.start

    async def start(self: Lifecycle) -> None:
        asyncio.get_running_loop().call_soon(_look, time.perf_counter(), time.thread_time(), holds)
        await begin(self)

    Lifecycle.start = start  # type: ignore[method-assign]
    atexit.register(lambda: Path(path).write_text(json.dumps(holds)))


def _look(due: float, ran: float, holds: list[Hold]) -> None:
    now, so_far = time.perf_counter(), time.thread_time()
    if now - due > WORTH_S:
        holds.append((time.time(), now - due, so_far - ran))
    asyncio.get_running_loop().call_later(EVERY_S, _look, now + EVERY_S, so_far, holds)
