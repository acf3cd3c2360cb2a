"""Opaque cursors: where the next page of a list begins."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from jupyter_aichat.errors import InvalidRequest

_MAX_INTEGER = 2**63 - 1


def pack_cursor(*values: object) -> str:
    """Return an opaque cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode()


def unpack_cursor(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """Return what a cursor holds, or raise `InvalidRequest`."""
    try:
        values: list[Any] = list(msgspec.json.decode(base64.b64decode(cursor, b"-_", validate=True), type=tuple[kinds]))  # type: ignore[valid-type]
        if any(isinstance(value, int) and abs(value) > _MAX_INTEGER for value in values):
            raise ValueError(values)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise InvalidRequest("This cursor is not one of ours; begin the list anew.") from None
    return tuple(values)
