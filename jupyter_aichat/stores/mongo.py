"""Chats in MongoDB: the store of a service with several replicas.

It needs a replica set (one of a single node will do) or a sharded cluster, because a send and an end are transactions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from traitlets import Enum, Float, Unicode
from traitlets.config import LoggingConfigurable

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
from jupyter_aichat.errors import (
    CannotContinue,
    InvalidRequest,
    NotFound,
    NotReady,
    RunActive,
    StoreUnavailable,
    TooLarge,
)
from jupyter_aichat.stores import mongo_chats as chats
from jupyter_aichat.stores import mongo_deleting as deleting
from jupyter_aichat.stores import mongo_ends as ends
from jupyter_aichat.stores import mongo_messages as messages
from jupyter_aichat.stores import mongo_runs as runs
from jupyter_aichat.stores.base import Lapsed, Progress
from jupyter_aichat.stores.mongo_accounts import MongoAccounts
from jupyter_aichat.stores.mongo_base import ALONE, AWAY, AlreadyThere, Database, Document, NotThere, Scope
from jupyter_aichat.stores.mongo_documents import chat_document
from jupyter_aichat.stores.mongo_examination import examine
from jupyter_aichat.stores.mongo_instances import LAPSE_S, Instances, Watch
from jupyter_aichat.stores.mongo_records import MongoRecords
from jupyter_aichat.stores.mongo_schema import migrate
from jupyter_aichat.stores.mongo_shares import MongoShares
from jupyter_aichat.stores.mongo_turns import commit_turn, known_turn
from jupyter_aichat.stores.mongo_usage import ChargeTurns, MongoUsage
from jupyter_aichat.stores.records import HALF_COPIED
from jupyter_aichat.stores.rules import check_chat, check_conversation, check_turn

DEFAULT_DATABASE = "jupyter_aichat"

_RUNS_AT_ONCE = 100
_MOST_BYTES = 15 * 1024 * 1024  # of a document of 16 MB
_REFUSALS = (CannotContinue, InvalidRequest, NotFound, RunActive)
_READ_PREFERENCES = ("primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest")


class MongoStore(LoggingConfigurable):
    """A `Store` on one database of MongoDB.

    Parameters
    ----------
    url
        ``mongodb://`` or ``mongodb+srv://``, with credentials, TLS and replica set as MongoDB's URLs have them.
    lapse_s
        Seconds without a sign of life after which another instance has lapsed, by `clock`.
    """

    takes_over = True

    database = Unicode(
        help="The database of the chats. Default: the one that the URL names, else 'jupyter_aichat'."
    ).tag(config=True)
    lists_from = Enum(
        _READ_PREFERENCES, default_value="primary",
        help="Where the list of chats is read: 'secondaryPreferred' takes load from the primary; what this process wrote "
        "is always in it, what another wrote may come a moment later. Everything else is read from the primary.",
    ).tag(config=True)  # fmt: skip
    selection_timeout_s = Float(
        3.0,
        help="Seconds until a connection must stand, and at the start a server be found; later `call_timeout_s` bounds that too.",
    ).tag(config=True)
    call_timeout_s = Float(5.0, help="Seconds that one question to the database may take.").tag(config=True)
    transaction_timeout_s = Float(
        8.0, help="Seconds that a send or an end may take, tried again where it met another."
    ).tag(config=True)

    def __init__(
        self, url: str, *, lapse_s: float = LAPSE_S, clock: Callable[[], float] = time.monotonic, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._url, self._watch = url, Watch(lapse_s, clock)
        self._charge_turns, self._lines = ChargeTurns(), messages.Lines()
        self._opened: Database | None = None
        self._instances: Instances | None = None

    # Life

    async def open(self) -> None:
        """Connect, see whether the server has transactions, and migrate."""
        database, _ = await self._connected()
        try:
            await migrate(database)
        except BaseException:
            await database.close()
            raise
        self._opened, self._instances = database, Instances(database, self._watch, self.log)

    async def _connected(self) -> tuple[Database, Document]:
        """A database that has transactions, and what its server says of itself."""
        database = await asyncio.to_thread(self._driver)
        await database.open()
        try:
            hello = await database.hello()
            if "setName" not in hello and hello.get("msg") != "isdbgrid":
                raise StoreUnavailable(ALONE)
        except BaseException:
            await database.close()
            raise
        return database, hello

    async def examine(self) -> StoreState:
        """Return how the database is, and change nothing; raises `StoreUnavailable` where it cannot be used."""
        begun = now()
        database, hello = await self._connected()
        try:
            return await examine(database, hello, _place(self._url), begun, now() - begun)
        finally:
            await database.close()

    def _driver(self) -> Database:
        """Import what takes long, and only where there is a MongoDB."""
        from jupyter_aichat.stores.mongo_driver import Driver, Timeouts  # noqa: PLC0415

        timeouts = Timeouts(self.selection_timeout_s, self.call_timeout_s, self.transaction_timeout_s)
        name = self.database or unquote(urlsplit(self._url).path.strip("/")) or DEFAULT_DATABASE
        return Driver(self._url, name, timeouts, self.lists_from, self.log)

    async def close(self) -> None:
        """Finish what was accepted; safe to call twice."""
        database, self._opened, self._instances = self._opened, None, None
        if database is not None:
            await database.close()

    @property
    def _database(self) -> Database:
        if self._opened is None:
            raise NotReady
        return self._opened

    @property
    def _db(self) -> Scope:
        return self._database.reads()

    @property
    def _others(self) -> Instances:
        if self._instances is None:
            raise NotReady
        return self._instances

    @property
    def accounts(self) -> MongoAccounts:
        """The accounts of this database."""
        return MongoAccounts(lambda: self._database)

    @property
    def shares(self) -> MongoShares:
        """The shares of this database's chats."""
        return MongoShares(lambda: self._database)

    @property
    def usage(self) -> MongoUsage:
        """What its owners used."""
        return MongoUsage(lambda: self._database)

    @property
    def records(self) -> MongoRecords:
        """All that is kept in it."""
        return MongoRecords(lambda: self._database)

    async def ping(self) -> None:
        """Return if the primary answers."""
        await self._db.find_one("instances", {}, {"_id": 1})

    # Chats and messages

    async def create_chat(self, owner: OwnerId, chat: Chat) -> Chat:
        """See `Store.create_chat`; one that is there already is a try of ours whose answer was lost."""
        check_chat(chat)
        try:
            await self._database.inserted("chats", chat_document(owner, chat))
        except AlreadyThere:
            return await chats.get_chat(self._db, owner, chat.id)
        return chat

    async def add_conversation(self, owner: OwnerId, conversation: Conversation) -> Chat:
        """See `Store.add_conversation`; one that is there already is a try of ours whose answer was lost."""
        await asyncio.to_thread(check_conversation, conversation)
        try:
            return await self._database.transaction(lambda db: chats.add_conversation(db, owner, conversation))
        except AlreadyThere:
            return await chats.get_chat(self._db, owner, conversation.chat.id)

    async def has_chats(self, owner: OwnerId, count: int) -> bool:
        """See `Store.has_chats`."""
        return await chats.has_chats(self._db, owner, count)

    async def get_chat(self, owner: OwnerId, chat_id: ChatId) -> Chat:
        """See `Store.get_chat`."""
        return await chats.get_chat(self._db, owner, chat_id)

    async def list_chats(self, owner: OwnerId, query: ChatQuery) -> Page[Chat]:
        """See `Store.list_chats`."""
        return await self._database.lists(lambda db: chats.list_chats(db, owner, query))

    async def change_chat(self, owner: OwnerId, chat_id: ChatId, changes: ChatChanges) -> Chat:
        """See `Store.change_chat`."""
        return await self._database.transaction(lambda db: chats.change_chat(db, owner, chat_id, changes))

    async def outdated_chats(self, owner: OwnerId, outdated: Outdated, limit: int | None = None) -> tuple[ChatId, ...]:
        """See `Store.outdated_chats`."""
        return await chats.outdated_chats(self._db, owner, outdated, limit)

    async def delete_chat(self, owner: OwnerId, chat_id: ChatId, *, only: Outdated | None = None) -> tuple[RunId, ...]:
        """See `Store.delete_chat`."""
        return await self._database.transaction(lambda db: deleting.delete_chat(db, owner, chat_id, only))

    async def clear(self) -> bool:
        """See `Store.clear`."""
        return await deleting.clear(self._db)

    async def get_message(self, owner: OwnerId, chat_id: ChatId, message_id: MessageId) -> Message:
        """See `Store.get_message`."""
        return await messages.get_message(self._db, owner, chat_id, message_id)

    async def list_messages(self, owner: OwnerId, chat_id: ChatId, cursor: str | None, limit: int) -> Page[Message]:
        """See `Store.list_messages`."""
        return await messages.list_messages(self._db, owner, chat_id, cursor, limit)

    async def path(
        self, owner: OwnerId, chat_id: ChatId, leaf: MessageId, cursor: str | None, limit: int
    ) -> Branch[Message]:
        """See `Store.path`."""
        return await messages.branch(self._db, owner, chat_id, leaf, cursor=cursor, limit=limit, lines=self._lines)

    # Runs

    async def commit(self, turn: Turn) -> Committed:
        """See `Store.commit`. Also one that is refused may have been committed before, and be refused because of that."""
        check_turn(turn)
        try:
            committed, depth = await self._database.transaction(
                lambda db: commit_turn(db, turn), one_write=turn.create_chat
            )
        except (AlreadyThere, *_REFUSALS) as refused:
            known = await known_turn(self._db, turn)
            if known is not None:
                return known
            if isinstance(refused, AlreadyThere):
                raise StoreUnavailable(AWAY, retry_after=5) from None
            raise
        if depth is not None:
            self._lines.note(committed.message, depth)
        return committed

    async def committed(self, turn: Turn) -> Committed | None:
        """See `Store.committed`."""
        check_turn(turn)
        return await known_turn(self._db, turn)

    async def get_run(self, owner: OwnerId, run_id: RunId) -> RunRecord:
        """See `Store.get_run`."""
        return await runs.get_record(self._db, owner, run_id)

    async def active_runs(self, owner: OwnerId, chat_id: ChatId) -> tuple[RunRecord, ...]:
        """See `Store.active_runs`."""
        return await runs.active_runs(self._db, owner, chat_id)

    async def progress(self, owner: OwnerId, run_id: RunId, after: int) -> Progress:
        """See `Store.progress`."""
        return await runs.progress(self._db, owner, run_id, after)

    async def claim(self, owner: OwnerId, run_id: RunId, epoch: int, instance: InstanceId) -> RunRecord | None:
        """See `Store.claim`."""
        return await runs.claim(self._db, owner, run_id, epoch, instance)

    async def take_up(self, owner: OwnerId, run_id: RunId, epoch: int, start: TakeUp) -> Message | None:
        """See `Store.take_up`."""
        return await self._database.transaction(lambda db: runs.take_up(db, owner, run_id, epoch, start))

    async def checkpoint(self, segments: Sequence[Segment]) -> frozenset[RunId]:
        """See `Store.checkpoint`; a transaction for each hundred runs, so that few wait where one meets another."""
        lost = frozenset[RunId]()
        for some in _some_runs(segments):
            lost |= await self._checkpoint(some)
        return lost

    async def _checkpoint(self, segments: Sequence[Segment]) -> frozenset[RunId]:
        with suppress(AlreadyThere, NotThere):
            return await self._database.transaction(lambda db: runs.checkpoint_at_once(db, segments), one_write=True)
        try:
            return await self._database.transaction(lambda db: runs.checkpoint(db, segments))
        except AlreadyThere:
            return await self._database.transaction(lambda db: runs.checkpoint(db, segments, again=True))

    async def end_run(self, owner: OwnerId, run_id: RunId, epoch: int, end: RunEnd) -> RunRecord | None:
        """See `Store.end_run`; an answer that no document can hold ends as too long, since every run must end."""
        if end.charge is None:
            return await self._end_run(owner, run_id, epoch, end)
        async with self._charge_turns.of(owner):
            return await self._end_run(owner, run_id, epoch, end)

    async def _end_run(self, owner: OwnerId, run_id: RunId, epoch: int, end: RunEnd) -> RunRecord | None:
        try:
            return await self._ended(owner, run_id, epoch, end)
        except TooLarge:
            self.log.warning("The answer of run %s is larger than a document may be and was cut", run_id)
        cut = msgspec.structs.replace(end, outcome="stopped", reason="too_long")
        return await self._ended(owner, run_id, epoch, cut, most=_MOST_BYTES)

    async def _ended(
        self, owner: OwnerId, run_id: RunId, epoch: int, end: RunEnd, *, most: int | None = None
    ) -> RunRecord | None:
        """End it; once more where another process began the day's sums in the same moment, or changed what is known of it."""
        known = end.known
        if known is not None and most is None and ends.is_known(owner, run_id, epoch, end):
            with suppress(AlreadyThere, NotThere):
                return await self._database.transaction(lambda db: ends.end_at_once(db, known, end), one_write=True)
        try:
            return await self._database.transaction(lambda db: ends.end_run(db, owner, run_id, epoch, end, most=most))
        except AlreadyThere:
            return await self._database.transaction(lambda db: ends.end_run(db, owner, run_id, epoch, end, most=most))

    async def request_stop(self, owner: OwnerId, run_id: RunId) -> RunRecord:
        """See `Store.request_stop`."""
        return await runs.request_stop(self._db, owner, run_id)

    async def stop_requests(self, instance: InstanceId) -> tuple[RunId, ...]:
        """See `Store.stop_requests`."""
        return await runs.stop_requests(self._db, instance)

    # Instances

    async def join(self, instance: InstanceId) -> None:
        """See `Store.join`."""
        note = await self.records.copy_note()
        if note is not None and not note.done:
            raise NotReady(HALF_COPIED)
        await self._others.beat(instance)

    async def beat(self, instance: InstanceId) -> None:
        """See `Store.beat`; one whose record was taken away comes back."""
        await self._others.beat(instance)

    async def leave(self, instance: InstanceId) -> None:
        """See `Store.leave`."""
        await self._others.leave(instance)

    async def lapsed(self, instance: InstanceId) -> tuple[Lapsed, ...]:
        """See `Store.lapsed`."""
        return await self._others.lapsed(instance)

    async def orphans(self, instances: Sequence[InstanceId]) -> tuple[RunRecord, ...]:
        """See `Store.orphans`."""
        return await runs.orphans(self._db, instances)

    async def unclaimed(self, limit: int) -> tuple[RunRecord, ...]:
        """See `Store.unclaimed`."""
        return await runs.unclaimed(self._db, limit)

    async def changes(self, after: int | None) -> tuple[int, tuple[Change, ...]]:  # noqa: ARG002 (the port names it)
        """See `Store.changes`: the bus tells."""
        return 0, ()


def _some_runs(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """The segments by at most `_RUNS_AT_ONCE` runs, each run's together and in order."""
    by_run: dict[RunId, list[Segment]] = {}
    for segment in segments:
        by_run.setdefault(segment.run_id, []).append(segment)
    groups = list(by_run.values())
    for begin in range(0, len(groups), _RUNS_AT_ONCE):
        yield [segment for group in groups[begin : begin + _RUNS_AT_ONCE] for segment in group]


def _place(url: str) -> str:
    """Where it is, without name and password."""
    return urlsplit(url).netloc.rpartition("@")[2]
