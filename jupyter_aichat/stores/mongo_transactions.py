"""Transactions: each attempt is one job of a thread, which asks question after question without a way to the loop between them.

Every transaction ends within its bound, whatever the database does meanwhile; one that its caller has given up still runs to
its end, so that none is left open.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import pymongo
from pymongo.client_session import ClientSession
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from jupyter_aichat.stores.mongo_base import Scope
from jupyter_aichat.stores.mongo_bulk import REFUSED
from jupyter_aichat.stores.mongo_errors import translate
from jupyter_aichat.stores.mongo_held import Held, Holder, done

Result = TypeVar("Result")
Work = Callable[[Scope], Awaitable[Result]]

_AT_ONCE = 16
_SLACK_S = 1.0
_LONGEST_PAUSE_S = 0.1
_MOST_LEFT = 100


class Source(Holder, Protocol):
    """Whose transactions these are."""

    def begin_session(self) -> ClientSession:
        """Return a new session."""
        ...

    def note(self, session: ClientSession) -> None:
        """Remember how far this process's writes have come."""


class Transactions:
    """The transactions of one database.

    Parameters
    ----------
    selection_s, call_s, transaction_s
        Bounds in seconds: of finding a server, of one call, of a transaction with all its attempts.
    """

    def __init__(
        self, source: Source, selection_s: float, call_s: float, transaction_s: float, log: logging.Logger
    ) -> None:
        self._source, self._log = source, log
        self._selection_s, self._call_s, self._transaction_s = selection_s, call_s, transaction_s
        self._threads = ThreadPoolExecutor(_AT_ONCE, "aichat-transactions")
        self._under_way: set[asyncio.Task[Any]] = set()
        self._left: deque[Mapping[str, Any]] = deque(maxlen=_MOST_LEFT)
        self._announced: set[bytes] = set()
        self.announce: Callable[[bytes], Coroutine[Any, Any, None]] | None = None

    async def close(self) -> None:
        """Let all come to their end; safe to call twice."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._threads.shutdown(wait=False)

    async def run(self, work: Work[Result], *, one_write: bool) -> Result:
        """Do work in one transaction, again where it met another; all of it is kept, on most of the servers, or nothing.

        Where the answer is `StoreUnavailable`, it may have been kept all the same: ids made before tell.
        """
        task = asyncio.create_task(self._until_done(work, one_write), name="aichat-transaction")
        self._under_way.add(task)
        task.add_done_callback(self._settled)
        try:
            async with asyncio.timeout(self._transaction_s + _SLACK_S):
                return await asyncio.shield(task)
        except Exception as error:
            raise translate(error, self._log) from error

    def _settled(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # one whose caller is gone is nobody's to hear

    async def _until_done(self, work: Work[Result], one_write: bool) -> Result:
        loop = asyncio.get_running_loop()
        until = time.monotonic() + self._transaction_s
        pause_s = 0.001
        while True:
            try:
                return await loop.run_in_executor(
                    self._threads, contextvars.copy_context().run, self._attempt, loop, work, one_write, until
                )
            except PyMongoError as error:
                if not self._may_try_again(error) or time.monotonic() + pause_s > until:
                    raise
            await asyncio.sleep(random.uniform(0, pause_s))  # noqa: S311 (no secret: they shall not meet again)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _may_try_again(self, error: PyMongoError) -> bool:
        if isinstance(error, OperationFailure) and error.code in REFUSED and self._source.writes_at_once:
            self._source.writes_at_once = False
            self._log.info("MongoDB takes no bulkWrite (%s): writes are sent one by one", error)
            return True
        return error.has_error_label("TransientTransactionError")

    # In a thread

    def _attempt(self, loop: asyncio.AbstractEventLoop, work: Work[Result], one_write: bool, until: float) -> Result:
        # A write that is alone reads at no moment of its own; and not every server takes the words for one with bulkWrite.
        concern = ReadConcern() if one_write and self._source.writes_at_once else ReadConcern("snapshot")
        self._undo_left()
        with self._source.begin_session() as session:
            self._make_known(loop, session)
            session.start_transaction(concern, WriteConcern("majority"))
            try:
                result = done(work(Held(self._source, session)))
            except BaseException as error:
                session.abort_transaction()
                if isinstance(error, ConnectionFailure) and not isinstance(error, ServerSelectionTimeoutError):
                    self._left.append(session.session_id)
                raise
            try:
                _commit(session, until)
            except PyMongoError:
                self._left.append(session.session_id)
                self._undo_left()
                raise
            self._source.note(session)
            return result

    def _make_known(self, loop: asyncio.AbstractEventLoop, session: ClientSession) -> None:
        """Announce a session that is new; the driver uses few, again and again."""
        name = session.session_id["id"]
        if self.announce is not None and name not in self._announced:
            asyncio.run_coroutine_threadsafe(self.announce(name), loop).result(self._call_s + 2 * _SLACK_S)
            self._announced.add(name)

    def _undo_left(self) -> None:
        """Undo what was cut off before it was undone or committed: others would wait a minute for what it has touched.

        A session whose connection broke is not used again by the driver, so that nothing else is undone.
        """
        left: list[Mapping[str, Any]] = []
        with suppress(IndexError):  # several threads may take from it
            while True:
                left.append(self._left.popleft())
        if not left:
            return
        try:
            with pymongo.timeout(self._selection_s):
                self._source.ask_admin({"killSessions": left}, None)
        except PyMongoError:
            self._left.extend(left)


def _commit(session: ClientSession, until: float) -> None:
    """Commit; whether a commit that was cut off took place is asked until it is known."""
    while True:
        try:
            return session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult") or time.monotonic() > until:
                raise
        time.sleep(_LONGEST_PAUSE_S)
