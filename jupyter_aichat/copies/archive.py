"""A backup in one file: lines of JSON, compressed.

The first line says what it is, then comes a line for each record, ``{"kind": …, "record": …}``, and the last one says what the
records of each kind come to and the SHA-256 of all lines before it. A file without it is not whole. The file is the operator's
alone (0600): it holds what people wrote, and hashes of their passwords and tokens.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Literal, cast

import msgspec

from jupyter_aichat._version import __version__
from jupyter_aichat.copies.copying import Progress, Source
from jupyter_aichat.copies.tally import Sum, Sums, Tally, encode, text_of
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import new_id
from jupyter_aichat.domain.record import KINDS, Kind, Record
from jupyter_aichat.errors import NotReady
from jupyter_aichat.stores.records import RecordStore

VERSION = 1
LEFT_OUT: frozenset[Kind] = frozenset({"sessions"})
"""What a backup does not hold: whoever has logged out since must not be logged in again by it."""

_FORM: Literal["jupyter_aichat backup"] = "jupyter_aichat backup"
_LINES_AT_ONCE = 200
_BYTES_AT_ONCE = 1024 * 1024
_LEVEL = 6


class Head(msgspec.Struct, frozen=True):
    """The first line: the file's form and version, its own id, when it was made and by which version of the program."""

    form: Literal["jupyter_aichat backup"]
    version: int
    id: str
    at: datetime
    program: str


class _Line(msgspec.Struct, frozen=True):
    kind: str
    record: msgspec.Raw


class _Foot(msgspec.Struct, frozen=True):
    sums: dict[str, Sum]
    sha256: str


async def back_up(store: RecordStore, path: Path, progress: Progress = lambda _kind, _count: None) -> Sums:
    """Write a backup; it has its name when it is whole. Raises `NotReady` where it cannot be written."""
    part = path.with_name(f"{path.name}.part")
    try:
        writer = await asyncio.to_thread(_Writer, path, part)
        try:
            sums = await _write(store, writer, progress)
            await asyncio.to_thread(writer.finish, sums)
        except BaseException:
            await asyncio.to_thread(writer.abandon)
            raise
    except OSError as error:
        raise NotReady(f"The backup cannot be written to {path}: {error.strerror}.") from error
    return sums


async def _write(store: RecordStore, writer: _Writer, progress: Progress) -> Sums:
    sums: Sums = {}
    async with store.reading() as reading:
        for kind in KINDS:
            if kind in LEFT_OUT:
                continue
            tally, lines, size = Tally(), list[bytes](), 0
            async for record in reading.records(kind):
                text = text_of(record)
                tally.add(text)
                lines.append(b'{"kind":"%s","record":%s}\n' % (kind.encode(), text))
                size += len(text)
                if size >= _BYTES_AT_ONCE:
                    await asyncio.to_thread(writer.add, lines)
                    lines, size = [], 0
                    progress(kind, tally.count)
            await asyncio.to_thread(writer.add, lines)
            progress(kind, tally.count)
            sums[kind] = tally.sum
    return sums


class _Writer:
    """A file that is being written, beside its name."""

    def __init__(self, path: Path, part: Path) -> None:
        self._path, self._part, self._sha256 = path, part, hashlib.sha256()
        if path.exists():
            raise NotReady(f"{path} is there already; a backup takes the place of nothing.")
        self._file = os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600), "wb")
        self._packed = gzip.GzipFile(filename="", fileobj=self._file, mode="wb", compresslevel=_LEVEL)
        os.fchmod(self._file.fileno(), 0o600)
        self.add([encode(Head(_FORM, VERSION, new_id(), now(), __version__)) + b"\n"])

    def add(self, lines: list[bytes]) -> None:
        """Write lines."""
        text = b"".join(lines)
        self._sha256.update(text)
        self._packed.write(text)

    def finish(self, sums: Sums) -> None:
        """Write the last line, wait until all is on the disk, and give the file its name."""
        self._packed.write(encode(_Foot(cast("dict[str, Sum]", sums), self._sha256.hexdigest())) + b"\n")
        self._packed.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        try:
            os.link(self._part, self._path)  # unlike a renaming, it takes the place of nothing
        except PermissionError:  # a file system without links
            self._part.rename(self._path)
        else:
            self._part.unlink()

    def abandon(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)


class ArchiveSource(Source):
    """The records of a backup that was found whole, in their order."""

    def __init__(self, path: Path, head: Head, sums: Sums) -> None:
        self.name, self.kinds, self.head, self.sums, self._path = f"backup {head.id}", frozenset(sums), head, sums, path
        self._file: IO[bytes] | None = None

    async def records(self, kind: Kind) -> AsyncIterator[Record]:
        """Yield all records of a kind; the first kind of all begins the file anew."""
        if kind == next(iter(KINDS)):
            await asyncio.to_thread(self._begin)
        left = self.sums[kind].count
        while left:
            some = await asyncio.to_thread(self._some, kind, min(left, _LINES_AT_ONCE))
            left -= len(some)
            for record in some:
                yield record

    def _begin(self) -> None:
        self.close()
        self._file = _opened(self._path)
        self._file.readline()

    def _some(self, kind: Kind, most: int) -> list[Record]:
        """The next records: few where they are large."""
        records, size, wanted = list[Record](), 0, KINDS[kind]
        assert self._file is not None
        while len(records) < most and size < _BYTES_AT_ONCE:
            line = self._file.readline()
            size += len(line)
            records.append(msgspec.json.decode(msgspec.json.decode(line, type=_Line).record, type=wanted))
        return records

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


@asynccontextmanager
async def archived(path: Path) -> AsyncIterator[ArchiveSource]:
    """Read a backup from its first line to its last, then give it; raises `NotReady` for one that is not whole, or too new."""
    try:
        source = await asyncio.to_thread(_examined, path)
    except (OSError, EOFError, zlib.error) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is cut off or damaged"
        raise NotReady(f"{path} cannot be read: {why}.") from error
    except msgspec.MsgspecError as error:
        raise NotReady(f"{path} is no backup of this program, or it is damaged.") from error
    try:
        yield source
    finally:
        await asyncio.to_thread(source.close)


def _examined(path: Path) -> ArchiveSource:
    sha256, last, count = hashlib.sha256(), b"", -1
    with _opened(path) as file:
        first = file.readline()
        head = msgspec.json.decode(first, type=Head)
        if head.version > VERSION:
            raise NotReady(f"{path} was written by a newer version of this program; please upgrade it.")
        last = first
        for line in file:
            sha256.update(last)
            last, count = line, count + 1
    foot = msgspec.json.decode(last, type=_Foot)
    if foot.sha256 != sha256.hexdigest():
        raise NotReady(f"{path} is damaged: its checksum is not that of its lines.")
    if count != sum(each.count for each in foot.sums.values()):
        raise NotReady(f"{path} is damaged: it has not as many records as it says.")
    unknown = foot.sums.keys() - KINDS.keys()
    if unknown:
        raise NotReady(f"{path} has records that this version does not know: {', '.join(sorted(unknown))}.")
    return ArchiveSource(path, head, cast("Sums", foot.sums))


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb"))
