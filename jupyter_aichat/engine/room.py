"""How many chats one person may have."""

from __future__ import annotations

import time
from collections.abc import Callable

from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.errors import TooManyChats
from jupyter_aichat.stores.base import Store

_MARGIN = 50
_KNOWN_S = 60.0
_MOST_KNOWN = 10_000


class Room:
    """Asks the store, and remembers for a minute who has room for many more: most people have.

    Of several processes that let somebody in at the same moment each may be right, so that the bound can be passed by a few.
    """

    def __init__(self, store: Store, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._most, self._clock = store, most, clock
        self._known: dict[OwnerId, tuple[int, float]] = {}

    async def take(self, owner: OwnerId) -> None:
        """Take the place of one more chat; raises `TooManyChats`."""
        if not self._most:
            return
        left, until = self._known.get(owner, (0, 0.0))
        if left <= 0 or self._clock() > until:
            left = await self._look(owner)
            until = self._clock() + _KNOWN_S
        self._known.pop(owner, None)
        self._known[owner] = left - 1, until
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]

    async def _look(self, owner: OwnerId) -> int:
        """How many places are certainly left."""
        if self._most > 2 * _MARGIN and not await self._store.has_chats(owner, self._most - _MARGIN):
            return _MARGIN
        if not await self._store.has_chats(owner, self._most):
            return 1
        self._known.pop(owner, None)
        raise TooManyChats(
            f"You have {self._most:,} chats, which is as many as you may have; delete some.", limit=self._most
        )
