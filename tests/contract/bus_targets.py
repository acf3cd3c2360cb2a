"""The buses that the contract holds for."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_aichat.bus.base import Bus
from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.bus.redis import RedisBus
from jupyter_aichat.redis_connection import RedisConnection

Connect = Callable[[], RedisConnection]

EXPIRE_S = 0.2
"""How long the logs of ended runs are kept here."""

TARGETS: dict[str, Callable[[Connect], Bus]] = {
    "local": lambda connect: LocalBus(expire_s=EXPIRE_S),
    "redis": lambda connect: RedisBus(connect(), expire_s=EXPIRE_S),
}
