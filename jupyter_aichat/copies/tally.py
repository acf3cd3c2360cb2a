"""What makes sure that a copy is whole: of each kind of record, how many there are and what they come to."""

from __future__ import annotations

import hashlib

import msgspec

from jupyter_aichat.domain.record import Kind, Record

encode = msgspec.json.Encoder(order="deterministic").encode
"""A record as it is counted and written: the same text for what is the same."""

_MOST = 1 << 256


class Sum(msgspec.Struct, frozen=True):
    """The count of one kind, and the sum of the digests of its records, which tells nothing of their order."""

    count: int
    digest: str


class Tally:
    """Counts the records of one kind."""

    def __init__(self) -> None:
        self.count, self._sum = 0, 0

    def add(self, text: bytes) -> None:
        """Count a record by its text."""
        self.count += 1
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(text).digest())) % _MOST

    @property
    def sum(self) -> Sum:
        """What it comes to."""
        return Sum(self.count, f"{self._sum:064x}")


Sums = dict[Kind, Sum]


def text_of(record: Record) -> bytes:
    """Return the text of a record."""
    return encode(record)
