"""Tells how late an event loop was: a service loads this by its configuration, and writes what it saw when it ends."""

from __future__ import annotations

import asyncio
import atexit
import json
import threading
import time
from pathlib import Path

from jupyter_aichat.server.lifecycle import Lifecycle

EVERY_S = 0.001
WORTH_S = 0.005

Hold = tuple[float, float, float]
"""When it was seen (seconds since 1970), for how many seconds the loop was late, and how many of them no core was free."""


class Probe:
    """Looks at a loop from within, a thousand times a second."""

    def __init__(self) -> None:
        self.holds: list[Hold] = []
        self._loop = asyncio.get_running_loop()
        self._thread = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").open("rb", buffering=0)  # noqa: SIM115 (for ever)
        self._look(time.perf_counter(), self._waited_s())

    def _waited_s(self) -> float:
        """Seconds that the loop's thread was ready and the machine was busy with others."""
        self._thread.seek(0)
        return int(self._thread.read().split()[1]) / 1e9

    def _look(self, due: float, waited: float) -> None:
        now, so_far = time.perf_counter(), self._waited_s()
        if now - due > WORTH_S:
            self.holds.append((time.time(), now - due, so_far - waited))
        self._loop.call_later(EVERY_S, self._look, now + EVERY_S, so_far)


def install(path: str) -> None:
    """Watch the loop from the start of the chat on."""
    begin, probes = Lifecycle.start, list[Probe]()

    async def start(self: Lifecycle) -> None:
        probes.append(Probe())
        await begin(self)

    Lifecycle.start = start  # type: ignore[method-assign]
    atexit.register(lambda: Path(path).write_text(json.dumps([hold for probe in probes for hold in probe.holds])))
