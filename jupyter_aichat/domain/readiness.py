"""Whether the parts of the service work."""

from __future__ import annotations

from typing import Literal

import msgspec

PartState = Literal["ok", "down"]


class Parts(msgspec.Struct, frozen=True):
    """Each part, without addresses and error texts."""

    store: PartState
    bus: PartState
    cache: PartState
    provider: PartState


class Readiness(msgspec.Struct, frozen=True):
    """``degraded`` still serves; ``down`` does not."""

    status: Literal["ok", "degraded", "down"]
    parts: Parts
