"""SQLite off the event loop: one thread that writes, two that read.

Whatever waits for the writer goes into one transaction, each job in a savepoint of its own, so that one disk flush
serves many sends, and the fault of one touches no other. Whatever a job raises, the thread lives on. A job that reads
sees one moment of the file, however many statements it takes.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from jupyter_aichat.errors import AIChatError, InvalidRequest, StoreUnavailable

Result = TypeVar("Result")
Job = Callable[[sqlite3.Connection], Result]
Connect = Callable[[], sqlite3.Connection]
IsCurrent = Callable[[sqlite3.Connection], bool]

_MOST_JOBS = 512


def translate(error: Exception, log: logging.Logger) -> AIChatError:
    """Return our error for one of the library's, or for a fault of ours, which the log explains."""
    if isinstance(error, AIChatError):
        return error
    if isinstance(error, UnicodeEncodeError):
        return InvalidRequest("Text may not contain lone surrogates.")
    if not _is_the_files(error):
        log.error("A question to the chats' database failed", exc_info=error)
    return StoreUnavailable("The chats cannot be read or written right now; try again in a moment.", retry_after=5)


def _is_the_files(error: Exception) -> bool:
    """Whether SQLite cannot read or write its file, rather than that it was asked something wrong."""
    wrong = sqlite3.IntegrityError | sqlite3.DataError | sqlite3.ProgrammingError
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, wrong)


class _Waiting:
    __slots__ = ("error", "future", "job", "result")

    def __init__(self, job: Job[Any], future: asyncio.Future[Any]) -> None:
        self.job, self.future = job, future
        self.result: Any = None
        self.error: Exception | None = None


class Writer:
    """The one connection that writes, in a thread of its own."""

    def __init__(self, connect: Connect, is_current: IsCurrent, log: logging.Logger) -> None:
        self._connect, self._is_current, self._log = connect, is_current, log
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._run, name="aichat-writer", daemon=True)
        self._thread.start()

    def do(self, job: Job[Result]) -> asyncio.Future[Result]:
        """Run a job in a transaction; the future is done once it is safely on the disk."""
        waiting = _Waiting(job, self._loop.create_future())
        self._jobs.put(waiting)
        return waiting.future

    async def close(self) -> None:
        """Finish what was accepted and end the thread."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        closing = False
        while not closing:
            batch = [self._jobs.get()]
            while len(batch) < _MOST_JOBS and not self._jobs.empty():
                batch.append(self._jobs.get())
            jobs = [waiting for waiting in batch if waiting is not None]
            closing = len(jobs) < len(batch)
            if jobs:
                self._commit(jobs)
                self._loop.call_soon_threadsafe(_resolve, jobs, self._log)
        if self._connection is not None:
            self._connection.close()

    def _commit(self, jobs: list[_Waiting]) -> None:
        try:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                for waiting in jobs:
                    _attempt(connection, waiting)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError, AIChatError) as error:
            self._log.warning("SQLite does not commit: %s", error)
            self._reconnect()
            for waiting in jobs:
                waiting.error = waiting.error or error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and not self._is_current(self._connection):
            self._log.warning("The file of the chats has another in its place, or none; it is opened anew")
            self._reconnect()
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _reconnect(self) -> None:
        """A new connection heals what a moved or full disk broke."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _attempt(connection: sqlite3.Connection, waiting: _Waiting) -> None:
    connection.execute("SAVEPOINT job")
    try:
        waiting.result = waiting.job(connection)
    except Exception as error:
        if _is_the_files(error):
            raise  # nothing of this transaction can be kept
        waiting.error = error  # this job's own fault, whatever it is; the others' work is kept
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def _resolve(jobs: list[_Waiting], log: logging.Logger) -> None:
    for waiting in jobs:
        if waiting.future.done():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(translate(waiting.error, log))
        else:
            waiting.future.set_result(waiting.result)


class Readers:
    """Connections that only read, one a thread."""

    def __init__(self, connect: Connect, is_current: IsCurrent, log: logging.Logger, threads: int = 2) -> None:
        self._connect, self._is_current, self._log = connect, is_current, log
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="aichat-reader")
        self._loop = asyncio.get_running_loop()

    async def do(self, job: Job[Result]) -> Result:
        """Run a job that only reads."""
        try:
            return await self._loop.run_in_executor(self._pool, self._run, job)
        except AIChatError:
            raise
        except Exception as error:
            raise translate(error, self._log) from error

    def _run(self, job: Job[Result]) -> Result:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None and not self._is_current(connection):
            self._forget(connection)
            connection = None
        if connection is None:
            connection = self._local.connection = self._connect()
            self._all.append(connection)
        try:
            connection.execute("BEGIN")
            try:
                return job(connection)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._forget(connection)
            raise

    def _forget(self, connection: sqlite3.Connection) -> None:
        self._local.connection = None
        self._all.remove(connection)
        connection.close()

    async def close(self) -> None:
        """End the threads and close their connections."""
        await asyncio.to_thread(self._pool.shutdown)
        for connection in self._all:
            connection.close()
