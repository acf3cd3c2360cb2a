"""Answers under way are activity: without this a server whose only work is a long answer counts as idle.

`current_activity` keeps a server from shutting itself down; a JupyterHub's culler looks at the time of the last activity
alone, which streaming does not move.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime

EVERY_S = 30.0
"""A Hub is told of activity every five minutes, and people cull after many."""
ACTIVITY = "jupyter_aichat"
"""What the extension's activity is called in the server's settings."""


class Busy:
    """Sets the time of the last activity every `EVERY_S` seconds as long as there is something under way.

    Parameters
    ----------
    times
        Jupyter's ``last_activity_times``, of which the latest counts.
    under_way
        How many answers there are.
    """

    def __init__(self, times: MutableMapping[str, datetime], under_way: Callable[[], int]) -> None:
        self._times, self._under_way = times, under_way
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look now, and again and again."""
        if self._under_way():
            self._times[ACTIVITY] = datetime.now(UTC)
        self._timer = asyncio.get_running_loop().call_later(EVERY_S, self.start)

    def stop(self) -> None:
        """Look no more; may come without a start or twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
