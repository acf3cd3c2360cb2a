"""An error as a value: kept with a message, sent over the wire."""

from __future__ import annotations

import msgspec


class Failure(msgspec.Struct, frozen=True):
    """A stable code, a sentence for a person, and what a client can act on."""

    code: str
    message: str
    details: dict[str, object] = {}
