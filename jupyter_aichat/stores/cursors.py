"""Opaque cursors: where the next page of a list begins."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from jupyter_aichat.errors import InvalidRequest

_MAX_INTEGER = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_FOREIGN = "This cursor is not one of ours; begin the list anew."


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
        raise InvalidRequest(_FOREIGN) from None
    return tuple(values)


def ms_of(at: datetime) -> int:
    """Return a moment as a cursor holds it, in milliseconds."""
    return (at - _EPOCH) // _MS


def at_of(ms: int) -> datetime:
    """Return the moment that a cursor holds, or raise `InvalidRequest`."""
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        raise InvalidRequest(_FOREIGN) from None
