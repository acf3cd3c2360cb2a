"""All events of a run, in little memory, so that a reader can come back to any of them.

Text dominates: a delta is kept as a slice of its neighbours' joined text, four bytes of offset each, and made into
JSON again for the rare reader that asks for it late. Appending costs O(new text), reading O(what is read).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from jupyter_aichat.domain.event import Event, TextDelta, ThinkingDelta, ToolCall, encode_event
from jupyter_aichat.domain.run import seq_of

TextKind = Literal["text", "thinking"]

_COMPACT_EVERY = 64
_DELTAS: dict[TextKind, type[TextDelta] | type[ThinkingDelta]] = {"text": TextDelta, "thinking": ThinkingDelta}


class EncodedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event's place and its JSON; ``last`` marks the end of the run."""

    seq: int
    data: bytes
    last: bool = False


class Piece(NamedTuple):
    """Neighbouring deltas of a kind joined, or a tool call: what becomes of a message's parts. ``n``: the last event."""

    n: int
    kind: TextKind | Literal["tool_call"]
    text: str
    call: ToolCall | None = None


class _Deltas:
    """Events `first` and following: slices of one text."""

    __slots__ = ("ends", "first", "kind", "text")

    def __init__(self, first: int, kind: TextKind, texts: list[str]) -> None:
        self.first, self.kind, self.text = first, kind, "".join(texts)
        self.ends = array("I")
        end = 0
        for text in texts:
            end += len(text)
            self.ends.append(end)

    @property
    def last(self) -> int:
        return self.first + len(self.ends) - 1

    def text_after(self, n: int) -> str:
        """The text of the events later than `n`."""
        return self.text[self.ends[n - self.first] :] if n >= self.first else self.text

    def event(self, n: int) -> Event:
        index = n - self.first
        begin = self.ends[index - 1] if index else 0
        return _DELTAS[self.kind](self.text[begin : self.ends[index]])


class _Single:
    """One event that is no text."""

    __slots__ = ("first", "kept")

    def __init__(self, first: int, event: Event) -> None:
        self.first, self.kept = first, event

    @property
    def last(self) -> int:
        return self.first

    def event(self, n: int) -> Event:
        assert n == self.first
        return self.kept


class EventLog:
    """The events of one epoch of a run, numbered densely from 1."""

    def __init__(self, epoch: int) -> None:
        self._base = seq_of(epoch, 0)
        self._blocks: list[_Deltas | _Single] = []
        self._firsts: list[int] = []
        self._tail: list[str] = []
        self._tail_kind: TextKind = "text"
        self._newest: EncodedEvent | None = None
        self.n = 0

    @property
    def seq(self) -> int:
        """The number of the newest event."""
        return self._base + self.n

    def append_text(self, kind: TextKind, text: str) -> EncodedEvent:
        """Append a delta; text that cannot be encoded (a lone surrogate) raises `UnicodeEncodeError` and leaves no trace."""
        data = encode_event(_DELTAS[kind](text))
        if self._tail and (kind != self._tail_kind or len(self._tail) >= _COMPACT_EVERY):
            self._compact()
        self._tail_kind = kind
        self._tail.append(text)
        return self._number(data)

    def append(self, event: Event, last: bool = False) -> EncodedEvent:
        """Append an event that is no text; see `append_text`."""
        data = encode_event(event)
        self._compact()
        self._add(_Single(self.n + 1, event))
        return self._number(data, last)

    def _number(self, data: bytes, last: bool = False) -> EncodedEvent:
        self.n += 1
        self._newest = EncodedEvent(self._base + self.n, data, last)
        return self._newest

    def _compact(self) -> None:
        if self._tail:
            self._add(_Deltas(self.n - len(self._tail) + 1, self._tail_kind, self._tail))
            self._tail = []

    def _add(self, block: _Deltas | _Single) -> None:
        self._blocks.append(block)
        self._firsts.append(block.first)

    def read(self, after: int, limit: int) -> list[EncodedEvent]:
        """Return the events whose ``seq`` is greater than `after`, at most about `limit` bytes of them."""
        newest = self._newest
        n = max(after - self._base, 0)
        if newest is None or n >= self.n:
            return []
        if n == self.n - 1:
            return [newest]
        found: list[EncodedEvent] = []
        for event_n, event in self._events(n):
            data = encode_event(event)
            found.append(EncodedEvent(self._base + event_n, data, newest.last and event_n == self.n))
            limit -= len(data)
            if limit <= 0:
                break
        return found

    def _events(self, after: int) -> Iterator[tuple[int, Event]]:
        for block in self._blocks_after(after):
            for n in range(max(block.first, after + 1), block.last + 1):
                yield n, block.event(n)
        first = self.n - len(self._tail) + 1
        for n in range(max(first, after + 1), self.n + 1):
            yield n, _DELTAS[self._tail_kind](self._tail[n - first])

    def _blocks_after(self, after: int) -> Iterator[_Deltas | _Single]:
        index = max(bisect_right(self._firsts, after) - 1, 0)
        for block in self._blocks[index:]:
            if block.last > after:
                yield block

    def pieces(self, after: int = 0) -> Iterator[Piece]:
        """Yield what the events later than number `after` add to the message."""
        self._compact()
        for block in self._blocks_after(after):
            if isinstance(block, _Deltas):
                yield Piece(block.last, block.kind, block.text_after(after))
            elif isinstance(block.kept, ToolCall):
                yield Piece(block.first, "tool_call", "", block.kept)
