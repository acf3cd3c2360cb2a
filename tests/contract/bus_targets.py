"""The buses that the contract holds for."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_aichat.bus.base import Bus
from jupyter_aichat.bus.local import LocalBus

EXPIRE_S = 0.2
"""How long the logs of ended runs are kept here."""

TARGETS: dict[str, Callable[[], Bus]] = {"local": lambda: LocalBus(expire_s=EXPIRE_S)}
