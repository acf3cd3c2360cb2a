"""Whether the parts of the service work, looked at no more than once a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from jupyter_aichat.domain.readiness import Parts, PartState, Readiness
from jupyter_aichat.engine.models import Catalogue
from jupyter_aichat.errors import AIChatError

FRESH_S = 1.0
PROVIDER_FRESH_S = 5.0
"""How old news of the providers may be where nobody asks: an open panel alone must not keep them busy."""
_TIMEOUT_S = 0.9
"""With `FRESH_S` less than the two seconds within which a part that hangs must be named."""

Ping = Callable[[], Awaitable[None]]
Watcher = Callable[[Readiness], None]
DOWN = Readiness("down", Parts(store="down", bus="down", cache="down", provider="down"))


class Health:
    """Looks at the parts when asked, and tells watchers of each change."""

    def __init__(self, store: Ping, bus: Ping, cache: Ping, catalogue: Catalogue, log: logging.Logger) -> None:
        self._store, self._bus, self._cache = store, bus, cache
        self._catalogue, self._log = catalogue, log
        self._watchers: list[Watcher] = []
        self._known: Readiness | None = None
        self._looked_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look by itself while somebody watches."""
        self._task = asyncio.create_task(self._look_on(), name="aichat-health")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def readiness(self) -> Readiness:
        """Return the state of all parts, at most a second old."""
        begun = time.monotonic()
        if self._known is None or begun - self._looked_at > FRESH_S:
            await self._look(FRESH_S / 2)
            self._looked_at = begun
        assert self._known is not None
        return self._known

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` on the loop at each change, until the returned function is called."""
        self._watchers.append(watcher)

        def forget() -> None:
            self._watchers = [w for w in self._watchers if w is not watcher]

        return forget

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(FRESH_S)
            if self._watchers:
                await self._look(PROVIDER_FRESH_S)

    async def _look(self, provider_age_s: float) -> None:
        store, bus, cache, answers = await asyncio.gather(
            self._try("store", self._store),
            self._try("bus", self._bus),
            self._try("cache", self._cache),
            self._catalogue.answers(provider_age_s, _TIMEOUT_S),
        )
        parts = Parts(store=store, bus=bus, cache=cache, provider="ok" if answers else "down")
        before, self._known = self._known, Readiness(_status(parts), parts)
        if before is not None and before != self._known:
            for watcher in tuple(self._watchers):
                watcher(self._known)

    async def _try(self, name: str, ping: Ping) -> PartState:
        try:
            async with asyncio.timeout(_TIMEOUT_S):  # not `wait_for`, which in Python 3.11 may lose a cancellation
                await ping()
        except (AIChatError, TimeoutError) as error:
            self._log.debug("The %s does not answer: %r", name, error)
            return "down"
        return "ok"


def _status(parts: Parts) -> Literal["ok", "degraded", "down"]:
    if parts.store == "down":
        return "down"
    return "degraded" if "down" in (parts.bus, parts.cache, parts.provider) else "ok"
