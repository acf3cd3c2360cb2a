"""The port of what people used. It is written with the end of each run (`Store.end_run`), and here only read.

One contract suite (``tests/contract``) holds for all implementations.
"""

from __future__ import annotations

from typing import Protocol

from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.page import Page
from jupyter_aichat.domain.usage import UsageQuery, UsageRecord


class UsageStore(Protocol):
    """Durable sums by owner, day and model; they outlive the chats, and go with the account.

    Methods raise `StoreUnavailable` when the database is away.
    """

    async def used(self, owner: OwnerId, since: str) -> tuple[UsageRecord, ...]:
        """Return an owner's records from a day on."""
        ...

    async def list_usage(self, query: UsageQuery) -> Page[UsageRecord]:
        """Return a page of records, newest day first, of a day by owner and model. A bad cursor is `InvalidRequest`."""
        ...
