"""Who may register, and what whoever does so says."""

from __future__ import annotations

from typing import Literal

import msgspec

RegistrationMode = Literal["open", "invitation", "closed"]


class Registration(msgspec.Struct, frozen=True):
    """What a person who registers says."""

    name: str
    password: str
    display_name: str = ""
    invitation: str | None = None

    def __repr__(self) -> str:
        return f"Registration({self.name!r})"
