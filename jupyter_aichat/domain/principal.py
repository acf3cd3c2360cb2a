"""Who is asking."""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.ids import OwnerId


class Principal(msgspec.Struct, frozen=True):
    """The identity that the server established; never taken from a body."""

    owner_id: OwnerId
    name: str
    display_name: str
    roles: tuple[str, ...] = ("user",)
    scopes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
