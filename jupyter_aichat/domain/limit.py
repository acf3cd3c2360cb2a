"""How often something may be done."""

from __future__ import annotations

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """At most so many in so many seconds."""

    most: int
    window_s: float
