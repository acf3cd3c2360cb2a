"""What the modules of the MongoDB store share: documents, indexes, and what can be asked of a database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import msgspec

Result = TypeVar("Result")
Document = dict[str, Any]
Query = Mapping[str, Any]


AWAY = "The chats cannot be read or written right now; try again in a moment."
ALONE = (
    "MongoDB runs as a single server, which has no transactions. Start it with --replSet rs0, run rs.initiate() in"
    " mongosh once, and add ?replicaSet=rs0 to AIChatApp.store_url."
)


COPY_COMMENT = "jupyter_aichat: copy"
"""On the questions that read a whole collection, to carry it elsewhere."""


def place(owner: str, name: str) -> str:
    """Return the ``_id`` of what an owner has by a name: two owners may have the same, and one question finds it.

    No other owner has one that is the same, also where owners and names have slashes in them.
    """
    return f"{quote(owner, safe='')}/{name}"


def by_id(owner: str, name: str) -> Document:
    """Return the query for what an owner has by a name, as the shard key wants it."""
    return {"_id": place(owner, name), "owner_id": owner}


def by_ids(owner: str, names: Iterable[str]) -> Document:
    """The same for several names."""
    return {"_id": {"$in": [place(owner, name) for name in names]}, "owner_id": owner}


class AlreadyThere(Exception):
    """This collection or this unique key exists: somebody else was faster, or we were and did not hear of it."""


class NotThere(Exception):
    """What a transaction has written was to be only where something else is so, and that is not so: it is undone."""


class Index(msgspec.Struct, frozen=True):
    """An index of a collection; ``where`` makes it partial, ``expires_s`` lets the database delete what is older."""

    collection: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    where: Mapping[str, Any] | None = None
    expires_s: int | None = None


class Insert(msgspec.Struct, frozen=True):
    """Documents to add to a collection."""

    name: str
    documents: Sequence[Document]


class Change(msgspec.Struct, frozen=True):
    """Changes in a collection, each of the one document that its query matches."""

    name: str
    changes: Sequence[tuple[Query, Mapping[str, Any]]]


class AddUp(msgspec.Struct, frozen=True):
    """Amounts to add to the document that matches, which is made with them and a beginning where there is none."""

    name: str
    query: Query
    beginning: Mapping[str, Any]
    amounts: Mapping[str, int]

    @property
    def change(self) -> Document:
        """What an upsert is given."""
        return {"$inc": dict(self.amounts), **({"$setOnInsert": dict(self.beginning)} if self.beginning else {})}


class Delete(msgspec.Struct, frozen=True):
    """All documents of a collection that match, to be deleted."""

    name: str
    query: Query


Write = Insert | Change | AddUp | Delete


class Scope(Protocol):
    """The collections, as one session sees them.

    Methods raise `AlreadyThere`, and errors of `jupyter_aichat.errors`; inside a transaction also the driver's own, which
    the transaction alone may catch, because some mean that it must be tried again.
    """

    @property
    def at_once(self) -> bool:
        """Whether `write` asks the database once, whatever it writes."""
        ...

    async def find_one(self, name: str, query: Query, fields: Mapping[str, int] | None = None) -> Document | None:
        """Return the first document that matches."""
        ...

    async def find(
        self,
        name: str,
        query: Query,
        fields: Mapping[str, int] | None = None,
        *,
        sort: Sequence[tuple[str, int]] = (),
        skip: int = 0,
        limit: int = 0,
    ) -> list[Document]:
        """Return the documents that match, without the first ones to `skip`; a `limit` of 0 means all."""
        ...

    def each(
        self, name: str, query: Query, *, sort: Sequence[tuple[str, int]] = (), limit: int = 0
    ) -> AsyncIterator[Document]:
        """Yield the documents that match, a few in memory at once; for copies of a whole database."""
        ...

    async def insert(self, name: str, documents: Sequence[Document]) -> None:
        """Insert documents; raises `AlreadyThere`."""

    async def replace_each(self, name: str, documents: Iterable[tuple[Query, Document]]) -> None:
        """Put each document in the place of the one that its query matches, or add it: for copies of a whole database."""

    async def update(self, name: str, query: Query, change: Mapping[str, Any]) -> bool:
        """Change the document that matches, and tell whether there was one; never an upsert."""
        ...

    async def update_all(self, name: str, query: Query, change: Mapping[str, Any]) -> None:
        """Change all documents that match."""

    async def update_each(self, name: str, changes: Iterable[tuple[Query, Mapping[str, Any]]]) -> int:
        """Change one document for each query, in one command; return how many matched."""
        ...

    async def take(
        self, name: str, query: Query, change: Mapping[str, Any], *, before: bool = False
    ) -> Document | None:
        """Change the document that matches; return it as it is afterwards, or `before`."""
        ...

    async def add_up(self, name: str, query: Query, beginning: Mapping[str, Any], amounts: Mapping[str, int]) -> None:
        """Add amounts to the document that matches, or make it with them and a beginning: for sums."""

    async def delete(self, name: str, query: Query) -> int:
        """Delete all documents that match; return how many."""
        ...

    async def write(self, writes: Sequence[Write]) -> list[int]:
        """Write all this, in its order, to the first error; raises `AlreadyThere`. For transactions, which are all or nothing.

        Return of each how many documents were added, matched or deleted.
        """
        ...


class Database(Protocol):
    """What the store asks of the connection; errors are those of `jupyter_aichat.errors`, and `AlreadyThere`."""

    async def open(self) -> None:
        """Make the client; it connects with the first call."""

    async def close(self) -> None:
        """Let transactions end, then close all connections."""

    def reads(self) -> Scope:
        """Return the collections without a session, read from the primary."""
        ...

    async def lists(self, ask: Callable[[Scope], Awaitable[Result]]) -> Result:
        """Ask for a list from where the operator says; never older than what this process wrote."""
        ...

    def moment(self) -> AbstractAsyncContextManager[Scope | None]:
        """Give the collections as they are at one moment; None where the server cannot."""
        ...

    async def transaction(self, work: Callable[[Scope], Awaitable[Result]], *, one_write: bool = False) -> Result:
        """Do work in one transaction, again where it met another: the work may be done more than once.

        It is done in a thread, and waits for nothing but what it asks of the scope. ``one_write`` says that this is one
        `Scope.write` where that is asked at once.
        """
        ...

    async def inserted(self, name: str, document: Document) -> None:
        """Insert a document that lists must show; raises `AlreadyThere`."""

    async def put(self, name: str, query: Query, change: Mapping[str, Any]) -> None:
        """Change the document that matches, or make it: for records that belong to no owner."""

    async def hello(self) -> Document:
        """Return what the server says of itself."""
        ...

    def announce_sessions(self, to: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        """Tell the id of each session before its first transaction."""

    async def kill_sessions(self, sessions: Sequence[Any]) -> None:
        """Undo what is open in the sessions of a process that is gone: others would wait a minute for it."""

    async def add_collection(self, name: str) -> None:
        """Make a collection where there is none; several may do so at once."""

    async def indexes(self, name: str) -> frozenset[tuple[tuple[str, int], ...]]:
        """Return the keys of a collection's indexes; of none that is not there."""
        ...

    async def add_index(self, index: Index) -> None:
        """Make an index where there is none; several may do so at once."""
