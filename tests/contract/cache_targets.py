"""The caches that the contract holds for."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.cache.local import LocalCache

TARGETS: dict[str, Callable[[], Cache]] = {"local": LocalCache}
