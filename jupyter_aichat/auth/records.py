"""Reading the audit beyond a page: between two times, and as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import msgspec

from jupyter_aichat.domain.audit import Action, AuditQuery, AuditRecord
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.stores.accounts import AccountStore

LOOK_S = 1.0
_SLACK = timedelta(minutes=1)
_PAGE = 200
_LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)


class Wanted(msgspec.Struct, frozen=True):
    """Which records: of an account (actor or subject), of an action, from ``since`` on, before ``until``."""

    account: OwnerId | None = None
    action: Action | None = None
    since: datetime | None = None
    until: datetime | None = None

    def has(self, record: AuditRecord) -> bool:
        """Whether a record was written at a time that is wanted."""
        return (self.since is None or record.at >= self.since) and (self.until is None or record.at < self.until)

    def is_over(self, record: AuditRecord) -> bool:
        """Whether all further ones are older than wanted; clocks of several processes differ a little."""
        return self.since is not None and record.at < self.since - _SLACK


async def newest(store: AccountStore, wanted: Wanted) -> AsyncGenerator[AuditRecord, None]:
    """Yield what is wanted, newest first."""
    query = AuditQuery(account=wanted.account, action=wanted.action, limit=_PAGE)
    while True:
        page = await store.list_audit(query)
        for record in page.items:
            if wanted.is_over(record):
                return
            if wanted.has(record):
                yield record
        if page.next is None:
            return
        query = msgspec.structs.replace(query, cursor=page.next)


async def latest(store: AccountStore, wanted: Wanted, limit: int) -> AsyncIterator[AuditRecord]:
    """Yield the newest `limit` of what is wanted, oldest first."""
    found, _ = await _some(store, wanted, limit)
    for record in reversed(found):
        yield record


async def following(store: AccountStore, wanted: Wanted, limit: int) -> AsyncIterator[AuditRecord]:
    """Yield the newest `limit` of what is wanted, oldest first, then for ever what is written from now on.

    It looks once a second, a minute back each time: another process's record may come late, and be the older one.
    """
    last, known = await _some(store, wanted, limit)
    for record in reversed(last):
        yield record
    while True:
        await asyncio.sleep(LOOK_S)
        horizon = max(known.values(), default=_LONG_AGO) - _SLACK
        fresh = [each async for each in newest(store, _from(wanted, horizon)) if each.id not in known]
        for record in reversed(fresh):
            yield record
        known = {name: at for name, at in known.items() if at >= horizon} | {each.id: each.at for each in fresh}


async def _some(store: AccountStore, wanted: Wanted, limit: int) -> tuple[list[AuditRecord], dict[str, datetime]]:
    """The newest records, and when all those were written that could still be taken for new ones."""
    found: list[AuditRecord] = []
    async with aclosing(newest(store, wanted)) as records:
        async for record in records:
            if len(found) >= limit and record.at < found[0].at - 2 * _SLACK:
                break
            found.append(record)
    return found[:limit], {record.id: record.at for record in found}


def _from(wanted: Wanted, at: datetime) -> Wanted:
    since = at if wanted.since is None else max(at, wanted.since)
    return msgspec.structs.replace(wanted, since=since)
