"""Resting as long as one worked: so that what nobody waits for takes at most half of a connection."""

from __future__ import annotations

import asyncio
import time


class Rest:
    """Rests as long as there was work since the last rest, or since it was made."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def take(self) -> None:
        """Rest."""
        await asyncio.sleep(time.monotonic() - self._since)
        self._since = time.monotonic()
