"""One event loop beside user code, in a daemon thread.

IPython never awaits a magic, the kernel's own loop stands still while a cell runs, and `asyncio.run` fails inside it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_TICK_S = 0.5


class BackgroundLoop:
    """Starts with its first work, and never keeps the process from ending."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def spawn(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin work; the future may be waited for in any thread but the loop's own."""
        return asyncio.run_coroutine_threadsafe(work, self._running())

    def call(self, callback: Callable[..., object], *args: object) -> None:
        """Call something on the loop, soon; from any thread."""
        self._running().call_soon_threadsafe(callback, *args)

    def wait(self, work: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Return what the work returns; an interrupt of the kernel, or a time-out, cancels it."""
        future = self.spawn(work)
        try:
            return wait_for(future, timeout_s)
        except BaseException:
            future.cancel()
            raise

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="aichat", daemon=True).start()
            return self._loop


def wait_for(future: Future[T], timeout_s: float | None = None) -> T:
    """Return a future's result. Waits in steps, because on Windows a wait without an end cannot be interrupted."""
    waited = 0.0
    while True:
        step = _TICK_S if timeout_s is None else min(_TICK_S, max(0.0, timeout_s - waited))
        try:
            return future.result(step)
        except TimeoutError:
            waited += step
            if future.done() or (timeout_s is not None and waited >= timeout_s):
                raise
