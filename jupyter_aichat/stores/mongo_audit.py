"""The audit in MongoDB."""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.audit import AuditQuery, AuditRecord
from jupyter_aichat.domain.page import Page
from jupyter_aichat.stores.cursors import at_of, ms_of, pack_cursor, unpack_cursor
from jupyter_aichat.stores.mongo_base import Document, Scope

_ORDER = (("at", -1), ("id", -1))


async def listed(db: Scope, query: AuditQuery) -> Page[AuditRecord]:
    """See `AccountStore.list_audit`."""
    conditions: list[Document] = []
    if query.account is not None:
        conditions.append({"$or": [{"actor": query.account}, {"subject": query.account}]})
    if query.action is not None:
        conditions.append({"action": query.action})
    if query.cursor is not None:
        conditions.append(_before(query.cursor))
    wanted: Document = {"$and": conditions} if conditions else {}
    found = await db.find("audit", wanted, sort=_ORDER, limit=query.limit + 1)
    more, found = len(found) > query.limit, found[: query.limit]
    return Page(tuple(msgspec.convert(each, AuditRecord) for each in found), _cursor(found[-1]) if more else None)


def _cursor(last: Document) -> str:
    return pack_cursor(ms_of(last["at"]), last["id"])


def _before(cursor: str) -> Document:
    at_ms, record_id = unpack_cursor(cursor, int, str)
    at = at_of(at_ms)
    return {"$or": [{"at": {"$lt": at}}, {"at": at, "id": {"$lt": record_id}}]}
