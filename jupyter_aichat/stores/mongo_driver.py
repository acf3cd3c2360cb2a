"""Motor, which no other module knows: the connection, sessions and time-outs.

What goes in and out is plain dictionaries. Every call ends within its bound, whatever the database does meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
from bson.timestamp import Timestamp
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorCollection
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name
from pymongo.uri_parser import parse_uri

from jupyter_aichat.errors import NotReady, StoreUnavailable
from jupyter_aichat.stores.mongo_base import AWAY, AlreadyThere, Document, Index, Query, Scope
from jupyter_aichat.stores.mongo_bulk import WIRE_VERSION
from jupyter_aichat.stores.mongo_collections import Collections
from jupyter_aichat.stores.mongo_errors import translate
from jupyter_aichat.stores.mongo_transactions import Transactions

Result = TypeVar("Result")
Client = AsyncIOMotorClient[Document]
Session = AsyncIOMotorClientSession

_BAD_URL = (
    "AIChatApp.store_url is no MongoDB URL that can be used: its form is mongodb://user:password@host/database?option=value,"
    " with special characters of the password percent-encoded."
)
# Its log of commands holds what people wrote, and hashes of their passwords: at no level is that one for a log of ours.
logging.getLogger("pymongo.command").setLevel(logging.INFO)

_SLACK_S = 1.0


class Timeouts(msgspec.Struct, frozen=True):
    """Bounds in seconds: of finding a server, of one call, of a transaction with all its attempts."""

    selection_s: float
    call_s: float
    transaction_s: float


class Driver:
    """The connection to one database.

    Parameters
    ----------
    url
        A MongoDB URL; what it says of time-outs and write concern wins over our defaults.
    lists_from
        The read preference of lists, such as ``secondaryPreferred``; everything else is read from the primary.
    """

    def __init__(self, url: str, database: str, timeouts: Timeouts, lists_from: str, log: logging.Logger) -> None:
        self._url, self.database, self.timeouts, self.log = url, database, timeouts, log
        self._lists_from = lists_from
        self._client: Client | None = None
        self._transactions = Transactions(self, timeouts.selection_s, timeouts.call_s, timeouts.transaction_s, log)
        self._seen: tuple[Mapping[str, Any], Timestamp] | None = None
        self._held: dict[str, Collection[Document]] = {}
        self.writes_at_once = False

    # Life

    async def open(self) -> None:
        """Make the client, which connects with the first call; certificates and DNS are read off the loop."""
        loop = asyncio.get_running_loop()
        given = {name.lower() for name, _ in parse_qsl(urlsplit(self._url).query, keep_blank_values=True)}
        options = {name: value for name, value in self._options().items() if name.lower() not in given}
        try:
            self._client = await asyncio.to_thread(self._make_client, loop, options)
        except (PyMongoError, ValueError, OSError):  # what they say may quote the password
            raise NotReady(_BAD_URL) from None

    def _make_client(self, loop: asyncio.AbstractEventLoop, options: dict[str, Any]) -> Client:
        if self._url.startswith("mongodb://"):
            parse_uri(self._url, warn=False)  # the client would pass over what it does not understand, such as tls=yes
        return AsyncIOMotorClient(self._url, io_loop=loop, **options)

    def _options(self) -> dict[str, Any]:
        return {
            "appName": "jupyter_aichat",
            "serverSelectionTimeoutMS": round(self.timeouts.selection_s * 1000),
            "connectTimeoutMS": round(self.timeouts.selection_s * 1000),
            "timeoutMS": round(self.timeouts.call_s * 1000),
            "w": "majority",
            "tz_aware": True,
            "tzinfo": UTC,
        }

    async def close(self) -> None:
        """Let transactions end, then close all connections; safe to call twice."""
        await self._transactions.close()
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)

    @property
    def client(self) -> Client:
        """The client; raises `StoreUnavailable` before `open` and after `close`."""
        if self._client is None:
            raise StoreUnavailable(AWAY, retry_after=5)
        return self._client

    # What can be asked

    def reads(self) -> Collections:
        """The collections without a session, from the primary."""
        return Collections(self)

    async def lists(self, ask: Callable[[Scope], Awaitable[Result]]) -> Result:
        """Ask for a list, from where the read preference says; it is never older than what this process wrote."""
        if self._lists_from == "primary":
            return await ask(Collections(self))
        session = await self.bounded(self.client.start_session(causal_consistency=True))
        async with session:
            self._catch_up(session)
            return await ask(Collections(self, session, self._lists_from))

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[Collections | None]:
        """See `Database.moment`: a snapshot session, as of its first question."""
        session = await self.bounded(self.client.start_session(snapshot=True))
        async with session:
            try:
                await self.collection("schema").find_one({}, session=session)
                scope = Collections(self, session)
            except (ConfigurationError, OperationFailure):  # a server that is too old, or alone
                scope = None
            except PyMongoError as error:
                raise translate(error, self.log) from error
            yield scope

    async def hello(self) -> Document:
        """Return what the server says of itself."""
        found = await self.bounded(self.client.admin.command("hello"))
        self.writes_at_once = found["maxWireVersion"] >= WIRE_VERSION
        return found

    async def add_collection(self, name: str) -> None:
        """Make a collection where there is none; several may do so at once."""
        with suppress(AlreadyThere):
            await self.bounded(self.client[self.database].create_collection(name, check_exists=False))

    async def indexes(self, name: str) -> frozenset[tuple[tuple[str, int], ...]]:
        """See `Database.indexes`."""
        found = await self.bounded(self.collection(name).index_information())
        return frozenset(tuple((field, int(way)) for field, way in each["key"]) for each in found.values())

    async def add_index(self, index: Index) -> None:
        """Make an index where there is none; several may do so at once."""
        options: dict[str, Any] = {"unique": True} if index.unique else {}
        if index.where is not None:
            options["partialFilterExpression"] = dict(index.where)
        if index.expires_s is not None:
            options["expireAfterSeconds"] = index.expires_s
        await self.bounded(self.collection(index.collection).create_index(list(index.keys), **options))

    def collection(self, name: str, preference: str | None = None) -> AsyncIOMotorCollection[Document]:
        """Return a collection, read by a preference."""
        found = self.client[self.database][name]
        if preference is None:
            return found
        mode: Any = make_read_preference(read_pref_mode_from_name(preference), None)  # Motor's stubs name another type
        return found.with_options(read_preference=mode)

    async def bounded(self, call: Awaitable[Result]) -> Result:
        """Return what a call gives within its bound, its errors translated."""
        try:
            async with asyncio.timeout(self.timeouts.call_s + _SLACK_S):
                return await call
        except Exception as error:
            raise translate(error, self.log) from error

    # Transactions

    async def transaction(self, work: Callable[[Scope], Awaitable[Result]], *, one_write: bool = False) -> Result:
        """See `Database.transaction`."""
        return await self._transactions.run(work, one_write=one_write)

    def announce_sessions(self, to: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        """See `Database.announce_sessions`."""
        self._transactions.announce = to

    async def kill_sessions(self, sessions: Sequence[Any]) -> None:
        """See `Database.kill_sessions`."""
        await self.bounded(self.client.admin.command({"killSessions": [{"id": name} for name in sessions]}))

    def begin_session(self) -> ClientSession:
        """Return a new session, for a thread."""
        return self.client.delegate.start_session()  # type: ignore[no-any-return]

    def held(self, name: str) -> Collection[Document]:
        """Return a collection, for a thread."""
        if name not in self._held:
            self._held[name] = self.client.delegate[self.database][name]
        return self._held[name]

    def ask_admin(self, command: Document, session: ClientSession | None) -> Mapping[str, Any]:
        """Return the reply to a command that is told to the database ``admin``; it waits for it, in a thread."""
        return self.client.delegate.admin.command(command, session=session)  # type: ignore[no-any-return]

    async def inserted(self, name: str, document: Document) -> None:
        """Insert a document that lists must show; raises `AlreadyThere`."""
        session = await self.bounded(self.client.start_session())
        async with session:
            await self.bounded(self.collection(name).insert_one(document, session=session))
            self.note(session.delegate)

    async def put(self, name: str, query: Query, change: Mapping[str, Any]) -> None:
        """See `Database.put`."""
        await self.bounded(self.collection(name).update_one(query, change, upsert=True))

    def note(self, session: ClientSession) -> None:
        """Remember how far this process's writes have come."""
        at, cluster_time = session.operation_time, session.cluster_time
        if at is not None and cluster_time is not None and (self._seen is None or at > self._seen[1]):
            self._seen = (cluster_time, at)

    def _catch_up(self, session: Session) -> None:
        if self._seen is not None:
            session.advance_cluster_time(self._seen[0])
            session.advance_operation_time(self._seen[1])
