"""What the doctor finds."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """How a part is, and what to do about it."""

    part: str
    level: Level
    what: str
    todo: str = ""
