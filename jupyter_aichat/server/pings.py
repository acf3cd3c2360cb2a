"""How often a client may ask whether somebody is there: pings cost it nothing, and us an answer each.

Nobody needs more than one in several seconds. Of our own pings, which are frames, more than `FRAMES_PER_S` wait, and so does
what comes after them; so it is with frames that are none, which cost us an error each (`INVALID_PER_S`). WebSocket's own, of
which the library reads one after another and lets nothing wait, end the socket.
"""

from __future__ import annotations

import asyncio

FRAMES_PER_S = 20
INVALID_PER_S = 100
WEBSOCKET_PINGS_PER_S = 100
SECOND = 1.0


class Pings:
    """Counts the pings of one client by the second, or what else has to be paced."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._begun, self._count = 0.0, 0

    def are_too_many(self) -> bool:
        """Count one more; return whether it is one too many for this second."""
        now = asyncio.get_running_loop().time()
        if now - self._begun >= SECOND:
            self._begun, self._count = now, 0
        self._count += 1
        return self._count > self._per_s

    async def turn(self) -> None:
        """Count one more, and wait until it may be."""
        if self.are_too_many():
            await asyncio.sleep(self._begun + SECOND - asyncio.get_running_loop().time())
