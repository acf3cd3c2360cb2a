"""Chats in one SQLite file: the personal store, shared by the processes of one person on one machine."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import Chat, ChatChanges, ChatQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.ids import ChatId, InstanceId, MessageId, OwnerId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.page import Branch, Page
from jupyter_aichat.domain.retention import Outdated
from jupyter_aichat.domain.run import Committed, RunEnd, RunRecord, Segment, TakeUp, Turn
from jupyter_aichat.domain.store_state import StoreState
from jupyter_aichat.errors import NotReady, StoreUnavailable
from jupyter_aichat.stores import sqlite_chats as chats
from jupyter_aichat.stores import sqlite_deleting as deleting
from jupyter_aichat.stores import sqlite_runs as runs
from jupyter_aichat.stores.base import Lapsed, Progress
from jupyter_aichat.stores.rules import check_chat, check_conversation, check_turn
from jupyter_aichat.stores.sqlite_accounts import SqliteAccounts
from jupyter_aichat.stores.sqlite_examination import examine
from jupyter_aichat.stores.sqlite_files import Connection, connect, create, on_network
from jupyter_aichat.stores.sqlite_locks import InstanceLocks
from jupyter_aichat.stores.sqlite_records import SqliteRecords, check_whole
from jupyter_aichat.stores.sqlite_rows import change_of, encode, get_chat, get_record, put_chat, segments_of
from jupyter_aichat.stores.sqlite_schema import migrate
from jupyter_aichat.stores.sqlite_shares import SqliteShares
from jupyter_aichat.stores.sqlite_threads import Job, Readers, Writer
from jupyter_aichat.stores.sqlite_turns import commit_turn, committed_turn
from jupyter_aichat.stores.sqlite_usage import SqliteUsage

Result = TypeVar("Result")

BUSY_MS = 5000
CHANGES_KEPT = 10_000


class SqliteStore:
    """A `Store` on one file.

    Parameters
    ----------
    path
        The database; its folder is made (0700) and the file is the person's alone (0600).
    """

    takes_over = False

    def __init__(self, path: Path | str, log: logging.Logger | None = None) -> None:
        self._path = Path(path)
        self._log = log or logging.getLogger(__name__)
        self._origin = secrets.token_hex(8)
        self._locks = InstanceLocks(self._path)
        self._journal = "WAL"
        self._writer: Writer | None = None
        self._readers: Readers | None = None

    # Life

    async def open(self) -> None:
        """Make the file where there is none, and migrate it."""
        try:
            await asyncio.to_thread(self._prepare)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"The chats cannot be opened at {self._path}: {error}") from error
        self._writer = Writer(self._connect, self._is_current, self._log)
        self._readers = Readers(self._connect, self._is_current, self._log)

    async def examine(self) -> StoreState:
        """Return how the file is, open or not, and change nothing; raises `StoreUnavailable` where it cannot be used."""
        return await asyncio.to_thread(examine, self._path)

    def _prepare(self) -> None:
        create(self._path)
        if on_network(self._path.parent):
            self._journal = "TRUNCATE"
            self._log.warning(
                "The chats lie on a network file system: let only one server use them at a time (%s)", self._path
            )
        self._connect().close()

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._path, self._journal, BUSY_MS)
        try:
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_current(self, connection: sqlite3.Connection) -> bool:
        return isinstance(connection, Connection) and connection.leads_to(self._path)

    async def close(self) -> None:
        """Finish what was accepted; safe to call twice."""
        writer, self._writer = self._writer, None
        readers, self._readers = self._readers, None
        if writer is not None:
            await writer.close()
        if readers is not None:
            await readers.close()
        self._locks.close()

    async def _write(self, job: Job[Result]) -> Result:
        if self._writer is None:
            raise NotReady
        return await self._writer.do(job)

    async def _read(self, job: Job[Result]) -> Result:
        if self._readers is None:
            raise NotReady
        return await self._readers.do(job)

    @property
    def accounts(self) -> SqliteAccounts:
        """The accounts of this file."""
        return SqliteAccounts(self._read, self._write)

    @property
    def shares(self) -> SqliteShares:
        """The shares of this file's chats."""
        return SqliteShares(self._read, self._write)

    @property
    def usage(self) -> SqliteUsage:
        """What its owners used."""
        return SqliteUsage(self._read)

    @property
    def records(self) -> SqliteRecords:
        """All that is kept in it."""
        return SqliteRecords(self._connect, self._locks, self._read, self._write)

    async def ping(self) -> None:
        """Return if the file can be read."""
        await self._read(_ping)

    # Chats and messages

    async def create_chat(self, owner: OwnerId, chat: Chat) -> Chat:
        """See `Store.create_chat`."""
        check_chat(chat)

        def job(db: sqlite3.Connection) -> Chat:
            put_chat(db, owner, chat)
            self._note(db, Change(owner, chat.id, "created"))
            return chat

        return await self._write(job)

    async def add_conversation(self, owner: OwnerId, conversation: Conversation) -> Chat:
        """See `Store.add_conversation`."""

        def job(db: sqlite3.Connection) -> Chat:
            check_conversation(conversation)
            chat = chats.add_conversation(db, owner, conversation)
            self._note(db, Change(owner, chat.id, "created"))
            return chat

        return await self._write(job)

    async def has_chats(self, owner: OwnerId, count: int) -> bool:
        """See `Store.has_chats`."""
        return await self._read(lambda db: chats.has_chats(db, owner, count))

    async def get_chat(self, owner: OwnerId, chat_id: ChatId) -> Chat:
        """See `Store.get_chat`."""
        return await self._read(lambda db: get_chat(db, owner, chat_id))

    async def list_chats(self, owner: OwnerId, query: ChatQuery) -> Page[Chat]:
        """See `Store.list_chats`."""
        return await self._read(lambda db: chats.list_chats(db, owner, query))

    async def change_chat(self, owner: OwnerId, chat_id: ChatId, changes: ChatChanges) -> Chat:
        """See `Store.change_chat`."""

        def job(db: sqlite3.Connection) -> Chat:
            chat = chats.change_chat(db, owner, chat_id, changes)
            check_chat(chat)
            self._note(db, Change(owner, chat_id, "updated"))
            return chat

        return await self._write(job)

    async def outdated_chats(self, owner: OwnerId, outdated: Outdated, limit: int | None = None) -> tuple[ChatId, ...]:
        """See `Store.outdated_chats`."""
        return await self._read(lambda db: chats.outdated_chats(db, owner, outdated, limit))

    async def delete_chat(self, owner: OwnerId, chat_id: ChatId, *, only: Outdated | None = None) -> tuple[RunId, ...]:
        """See `Store.delete_chat`."""

        def job(db: sqlite3.Connection) -> tuple[RunId, ...]:
            running = deleting.delete_chat(db, owner, chat_id, only)
            self._note(db, Change(owner, chat_id, "deleted"))
            return running

        return await self._write(job)

    async def clear(self) -> bool:
        """See `Store.clear`; the writer is asked only where there is something."""
        return await self._read(deleting.has_remains) and await self._write(deleting.clear)

    async def get_message(self, owner: OwnerId, chat_id: ChatId, message_id: MessageId) -> Message:
        """See `Store.get_message`."""
        return await self._read(lambda db: chats.get_message(db, owner, chat_id, message_id))

    async def list_messages(self, owner: OwnerId, chat_id: ChatId, cursor: str | None, limit: int) -> Page[Message]:
        """See `Store.list_messages`."""
        return await self._read(lambda db: chats.list_messages(db, owner, chat_id, cursor, limit))

    async def path(
        self, owner: OwnerId, chat_id: ChatId, leaf: MessageId, cursor: str | None, limit: int
    ) -> Branch[Message]:
        """See `Store.path`."""
        return await self._read(lambda db: chats.branch(db, owner, chat_id, leaf, cursor=cursor, limit=limit))

    # Runs

    async def commit(self, turn: Turn) -> Committed:
        """See `Store.commit`."""
        check_turn(turn)

        def job(db: sqlite3.Connection) -> Committed:
            committed = commit_turn(db, turn)
            if not committed.replayed:
                run, owner = committed.record.run, committed.record.owner_id
                if committed.chat_created:
                    self._note(db, Change(owner, run.chat_id, "created"))
                self._note(db, Change(owner, run.chat_id, "message", run.message_id, run.id))
            return committed

        return await self._write(job)

    async def committed(self, turn: Turn) -> Committed | None:
        """See `Store.committed`."""
        check_turn(turn)
        return await self._read(lambda db: committed_turn(db, turn))

    async def get_run(self, owner: OwnerId, run_id: RunId) -> RunRecord:
        """See `Store.get_run`."""
        return await self._read(lambda db: get_record(db, owner, run_id))

    async def active_runs(self, owner: OwnerId, chat_id: ChatId) -> tuple[RunRecord, ...]:
        """See `Store.active_runs`."""
        return await self._read(lambda db: runs.active_runs(db, owner, chat_id))

    async def progress(self, owner: OwnerId, run_id: RunId, after: int) -> Progress:
        """See `Store.progress`."""
        return await self._read(
            lambda db: Progress(get_record(db, owner, run_id), tuple(segments_of(db, owner, run_id, after)))
        )

    async def claim(self, owner: OwnerId, run_id: RunId, epoch: int, instance: InstanceId) -> RunRecord | None:
        """See `Store.claim`."""
        return await self._write(lambda db: runs.claim(db, owner, run_id, epoch, instance))

    async def take_up(self, owner: OwnerId, run_id: RunId, epoch: int, start: TakeUp) -> Message | None:
        """See `Store.take_up`."""
        return await self._write(lambda db: runs.take_up(db, owner, run_id, epoch, start))

    async def checkpoint(self, segments: Sequence[Segment]) -> frozenset[RunId]:
        """See `Store.checkpoint`."""
        return await self._write(lambda db: runs.checkpoint(db, segments))

    async def end_run(self, owner: OwnerId, run_id: RunId, epoch: int, end: RunEnd) -> RunRecord | None:
        """See `Store.end_run`."""
        return await self._write(lambda db: runs.end_run(db, owner, run_id, epoch, end))

    async def request_stop(self, owner: OwnerId, run_id: RunId) -> RunRecord:
        """See `Store.request_stop`."""
        return await self._write(lambda db: runs.request_stop(db, owner, run_id))

    async def stop_requests(self, instance: InstanceId) -> tuple[RunId, ...]:
        """See `Store.stop_requests`."""
        return await self._read(lambda db: runs.stop_requests(db, instance))

    # Instances

    async def join(self, instance: InstanceId) -> None:
        """See `Store.join`."""

        def job(db: sqlite3.Connection) -> None:
            check_whole(db)
            self._locks.hold(instance)
            db.execute("INSERT OR IGNORE INTO instances (id) VALUES (?)", (instance,))

        await self._write(job)

    async def beat(self, instance: InstanceId) -> None:
        """The lock lives as long as the process; one whose file somebody tidied away is taken anew."""

        def known(db: sqlite3.Connection) -> bool:
            row = db.execute("SELECT 1 FROM instances WHERE id = ?", (instance,)).fetchone()
            return row is not None and self._locks.intact(instance)

        if not await self._read(known):
            self._locks.drop(instance)
            await self.join(instance)

    async def leave(self, instance: InstanceId) -> None:
        """See `Store.leave`."""

        def job(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM instances WHERE id = ?", (instance,))
            self._locks.forget(instance)

        await self._write(job)

    async def lapsed(self, instance: InstanceId) -> tuple[Lapsed, ...]:
        """See `Store.lapsed`: those whose lock nobody holds."""

        def job(db: sqlite3.Connection) -> tuple[Lapsed, ...]:
            return tuple(Lapsed(each) for each in runs.others(db, instance) if self._locks.is_dead(each))

        return await self._read(job)

    async def orphans(self, instances: Sequence[InstanceId]) -> tuple[RunRecord, ...]:
        """See `Store.orphans`."""
        return await self._read(lambda db: runs.orphans(db, instances))

    async def unclaimed(self, limit: int) -> tuple[RunRecord, ...]:
        """See `Store.unclaimed`."""
        return await self._read(lambda db: runs.unclaimed(db, limit))

    # What other processes changed

    def _note(self, db: sqlite3.Connection, change: Change) -> None:
        at_ms = round(now().timestamp() * 1000)
        row = db.execute("INSERT INTO changes (origin, at_ms, body) VALUES (?, ?, ?) RETURNING id",
                         (self._origin, at_ms, encode(change))).fetchone()  # fmt: skip
        if row[0] % 100 == 0:
            db.execute("DELETE FROM changes WHERE id <= ?", (row[0] - CHANGES_KEPT,))

    async def changes(self, after: int | None) -> tuple[int, tuple[Change, ...]]:
        """See `Store.changes`."""
        return await self._read(partial(_changes, origin=self._origin, after=after))


def _changes(db: sqlite3.Connection, origin: str, after: int | None) -> tuple[int, tuple[Change, ...]]:
    if after is None:
        row = db.execute("SELECT max(id) FROM changes").fetchone()
        return int(row[0] or 0), ()
    rows = db.execute("SELECT id, origin, body FROM changes WHERE id > ? ORDER BY id", (after,)).fetchall()
    return rows[-1][0] if rows else after, tuple(change_of(body) for _, by, body in rows if by != origin)


def _ping(db: sqlite3.Connection) -> None:
    db.execute("SELECT 1 FROM instances LIMIT 1").fetchone()
