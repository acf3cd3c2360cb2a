"""The collections of a database in MongoDB, as one session sees them; beside `mongo_driver` the one module that knows Motor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorCollection
from pymongo import ReplaceOne, ReturnDocument, UpdateOne

from jupyter_aichat.stores.mongo_base import COPY_COMMENT, AddUp, Change, Document, Insert, Query, Write

Result = TypeVar("Result")
Session = AsyncIOMotorClientSession

_AT_ONCE = 16  # of up to 16 MB each


class Source(Protocol):
    """Where the collections come from."""

    def collection(self, name: str, preference: str | None = None) -> AsyncIOMotorCollection[Document]:
        """Return a collection, read by a preference."""
        ...

    async def bounded(self, call: Awaitable[Result]) -> Result:
        """Return what a call gives within its bound, its errors translated."""
        ...


class Collections:
    """The collections, as one session sees them: see `mongo_base.Scope`."""

    def __init__(self, driver: Source, session: Session | None = None, preference: str | None = None) -> None:
        self._driver, self._session, self._preference = driver, session, preference

    @property
    def at_once(self) -> bool:
        """See `Scope.at_once`."""
        return False

    def _of(self, name: str) -> AsyncIOMotorCollection[Document]:
        return self._driver.collection(name, self._preference)

    async def _ask(self, call: Awaitable[Result]) -> Result:
        return await self._driver.bounded(call)

    async def find_one(self, name: str, query: Query, fields: Mapping[str, int] | None = None) -> Document | None:
        """See `Scope.find_one`."""
        return await self._ask(self._of(name).find_one(query, fields, session=self._session))

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
        """See `Scope.find`."""
        order = list(sort) or None
        cursor = self._of(name).find(query, fields, session=self._session, skip=skip, limit=limit, sort=order)
        return await self._ask(cursor.to_list(None))

    async def each(
        self, name: str, query: Query, *, sort: Sequence[tuple[str, int]] = (), limit: int = 0
    ) -> AsyncIterator[Document]:
        """See `Scope.each`; the comment tells whoever looks at the database's profile."""
        cursor = self._of(name).find(
            query, session=self._session, limit=limit, sort=list(sort) or None, comment=COPY_COMMENT
        )
        while found := await self._driver.bounded(cursor.to_list(_AT_ONCE)):
            for document in found:
                yield document

    async def insert(self, name: str, documents: Sequence[Document]) -> None:
        """See `Scope.insert`."""
        if documents:
            await self._ask(self._of(name).insert_many(documents, session=self._session))

    async def replace_each(self, name: str, documents: Iterable[tuple[Query, Document]]) -> None:
        """See `Scope.replace_each`."""
        replacements = [ReplaceOne(query, document, upsert=True) for query, document in documents]
        if replacements:
            await self._ask(self._of(name).bulk_write(replacements, ordered=False, session=self._session))

    async def update(self, name: str, query: Query, change: Mapping[str, Any]) -> bool:
        """See `Scope.update`."""
        result = await self._ask(self._of(name).update_one(query, change, session=self._session))
        return result.matched_count == 1

    async def update_all(self, name: str, query: Query, change: Mapping[str, Any]) -> None:
        """See `Scope.update_all`."""
        await self._ask(self._of(name).update_many(query, change, session=self._session))

    async def update_each(self, name: str, changes: Iterable[tuple[Query, Mapping[str, Any]]]) -> int:
        """See `Scope.update_each`."""
        updates = [UpdateOne(query, change) for query, change in changes]
        result = await self._ask(self._of(name).bulk_write(updates, session=self._session))
        return result.matched_count

    async def take(
        self, name: str, query: Query, change: Mapping[str, Any], *, before: bool = False
    ) -> Document | None:
        """See `Scope.take`."""
        which = ReturnDocument.BEFORE if before else ReturnDocument.AFTER
        call = self._of(name).find_one_and_update(query, change, return_document=which, session=self._session)
        return await self._ask(call)

    async def add_up(self, name: str, query: Query, beginning: Mapping[str, Any], amounts: Mapping[str, int]) -> None:
        """See `Scope.add_up`."""
        change = AddUp(name, query, beginning, amounts).change
        await self._ask(self._of(name).update_one(query, change, upsert=True, session=self._session))

    async def delete(self, name: str, query: Query) -> int:
        """See `Scope.delete`."""
        result = await self._ask(self._of(name).delete_many(query, session=self._session))
        return result.deleted_count

    async def write(self, writes: Sequence[Write]) -> list[int]:
        """See `Scope.write`: one after the other."""
        return [await self._written(each) for each in writes]

    async def _written(self, write: Write) -> int:
        if isinstance(write, Insert):
            await self.insert(write.name, write.documents)
            return len(write.documents)
        if isinstance(write, Change):
            return await self.update_each(write.name, write.changes)
        if isinstance(write, AddUp):
            await self.add_up(write.name, write.query, write.beginning, write.amounts)
            return 1
        return await self.delete(write.name, write.query)
