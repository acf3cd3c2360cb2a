"""Reads server-sent events from pieces of bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import re
from typing import NamedTuple

_LINE_END = re.compile(rb"\r\n|\n|\r")


class ServerSent(NamedTuple):
    """One event: its data, and the place to come back to (the last ``id`` so far)."""

    id: str
    data: bytes


class EventParser:
    """Takes bytes however they are cut, gives whole events. What was not ended by a blank line is no event."""

    def __init__(self) -> None:
        self._rest = b""
        self._id = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[ServerSent]:
        """Return the events that are complete with this piece."""
        text = self._rest + chunk
        # A carriage return at the end may be the first half of CR LF: it waits for what follows.
        held = b"\r" if text.endswith(b"\r") else b""
        *lines, last = _LINE_END.split(text[: len(text) - len(held)])
        self._rest = last + held
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> ServerSent | None:
        if not line:
            data, self._data = self._data, []
            return ServerSent(self._id, b"\n".join(data)) if data else None
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode(errors="replace")
        return None
