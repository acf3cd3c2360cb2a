"""The stores that the contract holds for. What one target makes in one folder shares its data, as processes do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.sqlite import SqliteStore

Target = Callable[[Path], Store]
MakeStore = Callable[[], Store]
Raw = Callable[[str], list[tuple[object, ...]]]


def sqlite_target(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "chats.sqlite3")


TARGETS: dict[str, Target] = {"sqlite": sqlite_target}
