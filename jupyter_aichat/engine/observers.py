"""Several who watch the engine, as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jupyter_aichat.engine.observer import Observer


class Observers(Observer):
    """Tells each of some observers everything; what one of them does nothing with, costs it nothing."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        for name, silent in vars(Observer).items():
            if not name.startswith("_"):
                told = [getattr(each, name) for each in observers if getattr(type(each), name) is not silent]
                setattr(self, name, _all(told))


def _all(told: Sequence[Callable[..., None]]) -> Callable[..., None]:
    if len(told) == 1:
        return told[0]

    def tell(*args: object, **kwargs: object) -> None:
        for each in told:
            each(*args, **kwargs)

    return tell
