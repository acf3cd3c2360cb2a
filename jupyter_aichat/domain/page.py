"""A page of a list."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """Some items, and the opaque cursor to the next ones (None at the end)."""

    items: tuple[Item, ...]
    next: str | None = None


class Branch(msgspec.Struct, Generic[Item], frozen=True):
    """A page of a branch, newest first, and how many items the whole branch has from its leaf to its root."""

    items: tuple[Item, ...]
    length: int
    next: str | None = None
