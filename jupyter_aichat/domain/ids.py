"""Identifiers: opaque strings of 16 letters and digits (95 random bits), made before the write."""

from __future__ import annotations

import secrets
from typing import NewType

OwnerId = NewType("OwnerId", str)
ChatId = NewType("ChatId", str)
MessageId = NewType("MessageId", str)
RunId = NewType("RunId", str)
InstanceId = NewType("InstanceId", str)
SessionId = NewType("SessionId", str)
TokenId = NewType("TokenId", str)
InvitationId = NewType("InvitationId", str)
ShareId = NewType("ShareId", str)

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 16


def new_id() -> str:
    """Return a fresh identifier; short, because every event on the wire carries two of them."""
    return id_of(secrets.randbits(95))


def id_of(number: int) -> str:
    """Return the identifier of a number, of which the last 95 bits count."""
    number %= 1 << 95
    letters = []
    for _ in range(_LENGTH):
        number, index = divmod(number, 62)
        letters.append(_ALPHABET[index])
    return "".join(letters)
