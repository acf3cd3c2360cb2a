"""The collections in a transaction, as the thread sees them that holds it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from jupyter_aichat.stores.mongo_base import Document, Write
from jupyter_aichat.stores.mongo_bulk import write_at_once
from jupyter_aichat.stores.mongo_collections import Collections, Source

Result = TypeVar("Result")


class Holder(Source, Protocol):
    """Where the collections come from; all of it waits for the database, in a thread."""

    writes_at_once: bool

    @property
    def database(self) -> str:
        """The name of the database."""
        ...

    def held(self, name: str) -> Collection[Document]:
        """Return a collection."""
        ...

    def ask_admin(self, command: Document, session: ClientSession | None) -> Mapping[str, Any]:
        """Return the reply to a command that is told to the database ``admin``."""
        ...


class Held(Collections):
    """See `mongo_base.Scope`. Each call is answered when it returns, so that nothing is awaited; errors are the driver's."""

    def __init__(self, holder: Holder, session: ClientSession) -> None:
        super().__init__(holder)
        self._session: Any = session  # a thread's own, where Motor's was
        self._holder = holder

    @property
    def at_once(self) -> bool:
        """See `Scope.at_once`."""
        return self._holder.writes_at_once

    def _of(self, name: str) -> Any:
        return self._holder.held(name)

    async def _ask(self, call: Any) -> Any:
        return call

    async def write(self, writes: Sequence[Write]) -> list[int]:
        """See `Scope.write`."""
        if not self.at_once:
            return await super().write(writes)
        return write_at_once(partial(self._holder.ask_admin, session=self._session), self._holder.database, writes)


def done(work: Awaitable[Result]) -> Result:
    """Return what work comes to that waits for nothing but a `Held`."""
    try:
        next(work.__await__())
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise RuntimeError("In a transaction nothing is waited for but the database.")
