"""The queues that the contract holds for."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_aichat.cache.base import Queue
from jupyter_aichat.cache.local_queue import LocalQueue
from jupyter_aichat.cache.redis_queue import RedisQueue
from tests.contract.bus_targets import Connect

LEASE_S = 0.5

TARGETS: dict[str, Callable[[Connect], Queue]] = {
    "local": lambda connect: LocalQueue(LEASE_S),
    "redis": lambda connect: RedisQueue(connect(), LEASE_S),
}
