"""All records of a SQLite file: see `stores.records`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from jupyter_aichat.domain.record import Kind, Record
from jupyter_aichat.errors import NotReady, StoreUnavailable
from jupyter_aichat.stores.records import HALF_COPIED, CopyNote
from jupyter_aichat.stores.sqlite_accounts import Ask
from jupyter_aichat.stores.sqlite_locks import InstanceLocks
from jupyter_aichat.stores.sqlite_record_rows import SELECTS, TABLES, insert, record_of_row

Result = TypeVar("Result")

_ROWS_AT_ONCE = 256
_BYTES_AT_ONCE = 1024 * 1024
_NOTE = "copy:"


class SqliteRecords:
    """A `RecordStore` on the file of a `SqliteStore`."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], locks: InstanceLocks, read: Ask, write: Ask) -> None:
        self._connect, self._locks, self._read, self._write = connect, locks, read, write

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[SqliteReading]:
        """See `RecordStore.reading`: one transaction, in a thread of its own."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="aichat-records")
        reading = SqliteReading(pool)
        try:
            await reading.begin(self._connect)
            yield reading
        finally:
            await reading.end()
            await asyncio.to_thread(pool.shutdown)

    async def in_use(self) -> bool:
        """See `RecordStore.in_use`."""

        def job(db: sqlite3.Connection) -> bool:
            return any(not self._locks.is_dead(each) for (each,) in db.execute("SELECT id FROM instances"))

        return await self._read(job)

    async def is_empty(self) -> bool:
        """See `RecordStore.is_empty`."""

        def job(db: sqlite3.Connection) -> bool:
            notes = f"name NOT LIKE '{_NOTE}%'"
            return not any(
                db.execute(f"SELECT 1 FROM {table} WHERE {notes if kind == 'marks' else 1} LIMIT 1").fetchone()
                for kind, table in TABLES.items()
            )

        return await self._read(job)

    async def begin(self, kind: Kind) -> None:
        """See `RecordStore.begin`: nothing of an earlier try is left, so that the order is kept."""
        notes = f"name NOT LIKE '{_NOTE}%'" if kind == "marks" else "1"
        await self._write(lambda db: db.execute(f"DELETE FROM {TABLES[kind]} WHERE {notes}"))

    async def write(self, kind: Kind, records: Sequence[Record]) -> None:  # noqa: ARG002 (the port names it)
        """See `RecordStore.write`."""
        await self._write(lambda db: insert(db, records))

    async def copy_note(self) -> CopyNote | None:
        """See `RecordStore.copy_note`."""
        return await self._read(_copy_note)

    async def note_copy(self, note: CopyNote) -> None:
        """See `RecordStore.note_copy`."""

        def job(db: sqlite3.Connection) -> None:
            db.execute(f"DELETE FROM marks WHERE name LIKE '{_NOTE}%'")
            db.execute("INSERT INTO marks (name) VALUES (?)", (_NOTE + msgspec.json.encode(note).decode(),))

        await self._write(job)


def check_whole(db: sqlite3.Connection) -> None:
    """Raise `NotReady` where a copy was begun and is not whole."""
    note = _copy_note(db)
    if note is not None and not note.done:
        raise NotReady(HALF_COPIED)


def _copy_note(db: sqlite3.Connection) -> CopyNote | None:
    row = db.execute(f"SELECT name FROM marks WHERE name LIKE '{_NOTE}%'").fetchone()
    return None if row is None else msgspec.json.decode(row[0].removeprefix(_NOTE), type=CopyNote)


class SqliteReading:
    """A `Reading` of one transaction; all of it happens in one thread."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._connection: sqlite3.Connection | None = None

    async def _do(self, job: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, job)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"The chats cannot be read: {error}") from error

    async def begin(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Open the file and hold this moment of it."""

        def job() -> None:
            self._connection = connect()
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT 1 FROM chats LIMIT 1").fetchone()  # from here on nothing moves

        await self._do(job)

    async def end(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._do(connection.close)

    async def records(self, kind: Kind) -> AsyncIterator[Record]:
        """See `Reading.records`."""
        connection = self._connection
        assert connection is not None
        cursor = await self._do(lambda: connection.execute(SELECTS[kind]))
        while rows := await self._do(lambda: _some(cursor)):
            for row in rows:
                yield record_of_row(kind, row)


def _some(cursor: sqlite3.Cursor) -> list[Sequence[Any]]:
    """The next rows: few where they are large."""
    rows, size = list[Sequence[Any]](), 0
    while len(rows) < _ROWS_AT_ONCE and size < _BYTES_AT_ONCE and (row := cursor.fetchone()) is not None:
        rows.append(row)
        size += sum(len(value) for value in row if isinstance(value, bytes | str))
    return rows
