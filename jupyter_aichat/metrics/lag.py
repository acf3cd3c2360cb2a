"""How late the event loop is: what waits for a turn waits so long, tokens too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EVERY_S = 0.5


class LoopLag:
    """Calls ``late`` twice a second with the seconds by which the loop was late."""

    def __init__(self, late: Callable[[float], None]) -> None:
        self._late = late
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        if self._timer is None:
            self._set(asyncio.get_running_loop())

    def stop(self) -> None:
        """End; may be called without a start, or twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + EVERY_S
        self._timer = loop.call_at(due, self._look, loop, due)

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._late(max(loop.time() - due, 0.0))
        self._set(loop)
