"""Tells an owner's open views what changed in the owner's chats, in every process."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from jupyter_aichat.bus.base import Bus, Unsubscribe
from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.errors import BusUnavailable

TOPIC = "changes"

Watcher = Callable[[Change], None]


class Owners:
    """Watchers of changes, by owner."""

    def __init__(self, bus: Bus, log: logging.Logger) -> None:
        self._bus, self._log = bus, log
        self._watchers: dict[OwnerId, list[Watcher]] = {}
        self._decoder = msgspec.json.Decoder(Change)
        self._unsubscribe: Unsubscribe | None = None

    def start(self) -> None:
        """Listen to the bus."""
        self._unsubscribe = self._bus.subscribe(TOPIC, lambda data: self.deliver(self._decoder.decode(data)))

    def stop(self) -> None:
        """Listen no more."""
        if self._unsubscribe is not None:
            self._unsubscribe()

    def watch(self, owner: OwnerId, watcher: Watcher) -> Unsubscribe:
        """Call `watcher` on the loop at each change of the owner's chats, until the returned function is called."""
        self._watchers.setdefault(owner, []).append(watcher)

        def forget() -> None:
            rest = [w for w in self._watchers.get(owner, ()) if w is not watcher]
            if rest:
                self._watchers[owner] = rest
            else:
                self._watchers.pop(owner, None)

        return forget

    async def publish(self, change: Change) -> None:
        """Tell a change to all processes; a bus that is away costs only the others' live view."""
        try:
            await self._bus.publish(TOPIC, msgspec.json.encode(change))
        except BusUnavailable:
            self._log.warning("The bus does not take signals; only this process is told")
            self.deliver(change)

    def deliver(self, change: Change) -> None:
        """Tell the watchers of this process."""
        for watcher in tuple(self._watchers.get(change.owner_id, ())):
            watcher(change)
