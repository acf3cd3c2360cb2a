"""How long this process may be sure that its runs are its own.

Others take the runs of an instance whose beat has stood still before their eyes for 8 s. So whoever has not beaten for
`LEASE_S` writes no more, whatever the reason: the store is away, or the process was stopped and woke up. Counted from
the beginning of the last beat that succeeded, on the monotonic clock, and watched by a timer of its own: a beat that
hangs holds nothing up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LEASE_S = 6.0
AGAIN_S = 1.0


class Lease:
    """Held while the beats succeed; for ever where nobody takes over.

    Parameters
    ----------
    lapsed
        Called when it is not held any more, and then each second until it is again.
    """

    def __init__(self, lapsed: Callable[[], None]) -> None:
        self._lapsed = lapsed
        self._until = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    @property
    def held(self) -> bool:
        """Whether nobody can have taken the runs of this process."""
        return time.monotonic() < self._until

    def renew(self, begun: float) -> None:
        """A beat has succeeded that began at this time of the monotonic clock."""
        if not self.held:  # the timer had no turn yet, and what was lapsed must be let go of all the same
            self._lapsed()
        self._until = begun + LEASE_S
        if self._timer is None:
            self._look()

    def _look(self) -> None:
        left_s = self._until - time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(left_s if left_s > 0 else AGAIN_S, self._look)
        if left_s <= 0:
            self._lapsed()

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
