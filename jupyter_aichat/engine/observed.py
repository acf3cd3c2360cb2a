"""A store, bus, cache or queue whose answers are timed.

The port says which operations there are; everything else of the part is reached as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, TypeVar, cast

from jupyter_aichat.engine.observer import Observer
from jupyter_aichat.errors import BusUnavailable, CacheUnavailable, StoreUnavailable

AWAY = (StoreUnavailable, BusUnavailable, CacheUnavailable)
_LIFE = frozenset({"open", "close"})

Part = TypeVar("Part")


def observed(part: Part, port: type[Any], name: str, observer: Observer) -> Part:
    """Return the part, which tells the observer of each operation of its port and how long it took, as ``name``."""
    return cast("Part", _Observed(part, port, name, observer))


class _Observed:
    def __init__(self, part: object, port: type[Any], name: str, observer: Observer) -> None:
        self._part = part
        for operation in operations(port):
            if (call := getattr(part, operation, None)) is not None:
                setattr(self, operation, _timed(call, name, operation, observer))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def operations(port: type[Any]) -> tuple[str, ...]:
    """Return the names of what a port can be asked, apart from its opening and closing."""
    calls = inspect.getmembers(port, inspect.iscoroutinefunction)
    return tuple(name for name, _ in calls if name not in _LIFE and not name.startswith("_"))


def _timed(
    call: Callable[..., Awaitable[Any]], part: str, operation: str, observer: Observer
) -> Callable[..., Awaitable[Any]]:
    async def timed(*args: Any, **kwargs: Any) -> Any:
        begun, failed = perf_counter(), False
        try:
            return await call(*args, **kwargs)
        except AWAY:
            failed = True
            raise
        finally:
            observer.asked(part, operation, perf_counter() - begun, failed)

    return timed
