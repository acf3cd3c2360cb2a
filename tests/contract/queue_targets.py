"""The queues that the contract holds for."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_aichat.cache.base import Queue
from jupyter_aichat.cache.local_queue import LocalQueue

LEASE_S = 0.5

TARGETS: dict[str, Callable[[], Queue]] = {"local": lambda: LocalQueue(LEASE_S)}
