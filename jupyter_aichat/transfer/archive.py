"""Many files as one ZIP archive, written as it grows: nothing is held but the piece at hand and the names."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import IO, cast

_PIECE = 64 * 1024
"""Bytes that are packed in one go: about two milliseconds."""


class _Sink:
    """Where the archive is written to; it cannot go back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def take(self) -> bytes:
        found, self._pieces = b"".join(self._pieces), []
        return found


async def zipped(files: AsyncIterator[tuple[str, AsyncIterator[bytes]]]) -> AsyncIterator[bytes]:
    """Yield the archive of files, which are names and contents; a name that is there already gets a number."""
    sink, names = _Sink(), dict[str, int]()
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        async for name, pieces in files:
            with archive.open(_unique(name, names), "w", force_zip64=True) as entry:
                async for piece in pieces:
                    for start in range(0, len(piece), _PIECE):
                        entry.write(piece[start : start + _PIECE])
                        await asyncio.sleep(0)
                    if found := sink.take():
                        yield found
    yield sink.take()


def _unique(name: str, names: dict[str, int]) -> str:
    """Return a name that no other file has, also where capitals make no difference."""
    path = PurePosixPath(name)
    count = names.get(name.casefold(), 0)
    while True:
        count += 1
        found = name if count == 1 else f"{path.stem}-{count}{path.suffix}"
        if count == 1 or found.casefold() not in names:
            break
    names[name.casefold()] = count
    names.setdefault(found.casefold(), 1)
    return found
