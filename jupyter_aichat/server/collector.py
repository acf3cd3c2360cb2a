"""Keeps the garbage collector's pauses short while answers stream.

A full collection walks all that lives. In a loaded Jupyter server these are some 300,000 objects: 0.2 s in which no token
leaves. What is there when the server has started stays as long as the server, so it is put out of the collector's
sight; what comes later is collected as ever.
"""

from __future__ import annotations

import asyncio
import gc

SETTLED_S = 5.0
"""When all is imported that the first requests need."""


class Collector:
    """The collector of this process, which other extensions share: what was frozen is given back by `release`."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def spare_what_is_there(self, after_s: float = SETTLED_S) -> None:
        """Freeze what lives some seconds from now."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(after_s, gc.freeze)

    def release(self) -> None:
        """Show everything to the collector again; may be called without a start, or twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            gc.unfreeze()
