"""Accounts in MongoDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from jupyter_aichat.domain.account import Account, AccountChanges, AccountQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, RunId, SessionId
from jupyter_aichat.domain.page import Page
from jupyter_aichat.errors import Forbidden, LastAdministrator, NameTaken
from jupyter_aichat.stores.cursors import pack_cursor, unpack_cursor
from jupyter_aichat.stores.mongo_base import Document, Scope
from jupyter_aichat.stores.mongo_credentials import keep_session, use_invitation
from jupyter_aichat.stores.mongo_deleting import delete_some
from jupyter_aichat.stores.mongo_documents import builtins
from jupyter_aichat.stores.rules import LAST_CHARACTER, NOT_FIRST, changed

OWNED = ("chats", "messages", "runs", "segments", "keys", "sessions", "tokens", "shares", "usage", "charged", "remains")
"""The collections of what people own, beside their accounts."""

_FIRST_ADMIN, _ADMINISTRATORS = {"_id": "first_admin"}, {"_id": "administrators"}


def account_of(document: Document) -> Account:
    """Return the account of a document."""
    return msgspec.convert(document, Account)


async def create(db: Scope, account: Account, *, invitation_hash: str | None, first_admin: bool) -> Account:
    """See `AccountStore.create_account`; in a transaction, which fails where the name or the mark is there."""
    if invitation_hash is not None:
        roles = (await use_invitation(db, invitation_hash, account.created_at)).roles
        account = msgspec.structs.replace(account, roles=roles)
    if first_admin:
        await db.insert("marks", [{**_FIRST_ADMIN, "account": account.id}])
    await db.insert("accounts", [{"_id": account.id, **builtins(account)}])
    return account


async def explained(db: Scope, account: Account, *, first_admin: bool) -> Account:
    """Return the account where it was written after all, else raise why it could not be."""
    if ours := await of(db, [account.id]):
        return ours[0]
    if first_admin and await db.find_one("marks", _FIRST_ADMIN) is not None:
        raise Forbidden(NOT_FIRST)
    raise NameTaken


async def find(db: Scope, folded_name: str) -> Account | None:
    """See `AccountStore.find_account`."""
    found = await db.find_one("accounts", {"folded_name": folded_name})
    return None if found is None else account_of(found)


async def of(db: Scope, owners: Sequence[OwnerId]) -> tuple[Account, ...]:
    """See `AccountStore.accounts`."""
    return tuple(map(account_of, await db.find("accounts", {"_id": {"$in": list(owners)}})))


async def listed(db: Scope, query: AccountQuery) -> Page[Account]:
    """See `AccountStore.list_accounts`."""
    named: Document = {"$gte": query.prefix, "$lt": query.prefix + LAST_CHARACTER}
    if query.cursor is not None:
        named["$gt"] = unpack_cursor(query.cursor, str)[0]
    wanted: Document = {"folded_name": named}
    if query.group is not None:
        wanted["groups"] = query.group
    found = await db.find("accounts", wanted, sort=(("folded_name", 1),), limit=query.limit + 1)
    accounts = tuple(map(account_of, found[: query.limit]))
    return Page(accounts, pack_cursor(accounts[-1].folded_name) if len(found) > query.limit else None)


async def groups(db: Scope) -> tuple[tuple[str, int], ...]:
    """See `AccountStore.groups`."""
    found = await db.find("accounts", {"groups": {"$gt": ""}}, {"groups": 1})
    return tuple(sorted(Counter(name for account in found for name in account["groups"]).items()))


async def change(
    db: Scope, owner: OwnerId, changes: AccountChanges, *, if_hash: str | None, keep: SessionId | None
) -> Account | None:
    """See `AccountStore.change_account`; in a transaction."""
    found = await of(db, [owner])
    if not found or (if_hash is not None and found[0].password_hash != if_hash):
        return None
    account = changed(found[0], changes, now())
    if found[0].administers and not account.administers:
        await _keep_an_administrator(db, owner)
    await db.update("accounts", {"_id": owner}, {"$set": builtins(account)})
    if keep is not None:
        await keep_session(db, keep, found[0], account.stamp)
    if changes.disabled is True:
        await db.update_all("runs", {"owner_id": owner, "active": True}, {"$set": {"stop_requested": True}})
    return account


async def _keep_an_administrator(db: Scope, owner: OwnerId) -> None:
    """Raise `LastAdministrator` where no other is left.

    Each transaction sees the others' accounts as they were when it began. All of this kind therefore change one mark: of two at
    once the second has to begin again, and then sees what the first has done.
    """
    await db.add_up("marks", _ADMINISTRATORS, {}, {"changes": 1})
    other = {"_id": {"$ne": owner}, "roles": "admin", "disabled": False}
    if await db.find_one("accounts", other, {"_id": 1}) is None:
        raise LastAdministrator


async def end_sessions(db: Scope, owner: OwnerId) -> None:
    """See `AccountStore.end_sessions`."""
    found = await of(db, [owner])
    wanted: Document = {"owner_id": owner}
    if found:
        wanted["stamp"] = {"$ne": found[0].stamp}
    await db.delete("sessions", wanted)


async def delete(db: Scope, owner: OwnerId) -> tuple[RunId, ...]:
    """See `AccountStore.delete_account`.

    No transaction could hold all of it. Once more at last, for what was under way when the account went.
    """
    running = await db.find("runs", {"owner_id": owner, "active": True}, {"id": 1})
    await _delete_owned(db, owner)
    await db.delete("accounts", {"_id": owner})
    await _delete_owned(db, owner)
    return tuple(RunId(run["id"]) for run in running)


async def _delete_owned(db: Scope, owner: OwnerId) -> None:
    for collection in OWNED:
        while await delete_some(db, collection, owner, {"owner_id": owner}):
            pass
    await db.delete("shares", {"reader_id": owner})
