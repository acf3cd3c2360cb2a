"""The caches that the contract holds for."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.cache.redis import RedisCache
from tests.contract.bus_targets import Connect

TARGETS: dict[str, Callable[[Connect], Cache]] = {
    "local": lambda connect: LocalCache(),
    "redis": lambda connect: RedisCache(connect()),
}
