"""Sessions, personal tokens and invitations in MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.audit import AuditRecord
from jupyter_aichat.domain.credential import Invitation, PersonalToken, Rotation, Session
from jupyter_aichat.domain.ids import OwnerId, SessionId
from jupyter_aichat.errors import Forbidden, InvalidRequest, NotFound
from jupyter_aichat.stores.mongo_base import Document, Scope
from jupyter_aichat.stores.mongo_documents import builtins
from jupyter_aichat.stores.rules import NO_INVITATION, newest


def _session_of(document: Document) -> Session:
    return msgspec.convert(document, Session)


def _token_of(document: Document) -> PersonalToken:
    return msgspec.convert(document, PersonalToken)


def _invitation_of(document: Document) -> Invitation:
    return msgspec.convert(document, Invitation)


async def insert(db: Scope, collection: str, value: Session | Invitation | AuditRecord) -> None:
    """Write a new session, invitation or record of the audit."""
    await db.insert(collection, [{"_id": value.id, **builtins(value)}])


async def sessions(db: Scope, wanted: Sequence[SessionId]) -> tuple[Session, ...]:
    """See `AccountStore.sessions`."""
    return tuple(map(_session_of, await db.find("sessions", {"_id": {"$in": list(wanted)}})))


async def sessions_of(db: Scope, owner: OwnerId) -> tuple[Session, ...]:
    """See `AccountStore.sessions_of`."""
    return newest(map(_session_of, await db.find("sessions", {"owner_id": owner})))


async def rotate(db: Scope, session_id: SessionId, rotation: Rotation) -> Session | None:
    """See `AccountStore.rotate`."""
    fields = builtins(rotation)
    fields["rotated_at"] = fields.pop("at")
    this = {"_id": session_id, "refresh_hash": rotation.before_hash}
    found = await db.take("sessions", this, {"$set": fields})
    return None if found is None else _session_of(found)


async def keep_session(db: Scope, session_id: SessionId, before: Account, stamp: int) -> None:
    """Let a session that was valid for the account as it was go on with its new stamp."""
    this = {"_id": session_id, "owner_id": before.id, "stamp": before.stamp}
    await db.update("sessions", this, {"$set": {"stamp": stamp}})


async def delete(db: Scope, collection: str, owner: OwnerId, name: str) -> bool:
    """Delete a session or a token of an owner; tell whether there was one."""
    return await db.delete(collection, {"_id": name, "owner_id": owner}) == 1


async def create_token(db: Scope, token: PersonalToken, most: int) -> None:
    """See `AccountStore.create_token`; in a transaction, which writes the account, so that of two at once one waits."""
    if not await db.update("accounts", {"_id": token.owner_id}, {"$inc": {"tokens_made": 1}}):
        raise NotFound("There is no such account.")
    if len(await db.find("tokens", {"owner_id": token.owner_id}, {"_id": 1}, limit=most)) >= most:
        raise InvalidRequest(f"An account may have {most} personal tokens; delete one first.")
    await db.insert("tokens", [{"_id": token.id, **builtins(token)}])


async def tokens(db: Scope, hashes: Sequence[str]) -> tuple[PersonalToken, ...]:
    """See `AccountStore.tokens`."""
    return tuple(map(_token_of, await db.find("tokens", {"hash": {"$in": list(hashes)}})))


async def tokens_of(db: Scope, owner: OwnerId) -> tuple[PersonalToken, ...]:
    """See `AccountStore.tokens_of`."""
    return newest(map(_token_of, await db.find("tokens", {"owner_id": owner})))


async def touch_token(db: Scope, token: PersonalToken) -> None:
    """See `AccountStore.touch_token`."""
    await db.update("tokens", {"_id": token.id}, {"$set": {"used_at": token.used_at}})


async def invitations(db: Scope) -> tuple[Invitation, ...]:
    """See `AccountStore.list_invitations`."""
    return newest(map(_invitation_of, await db.find("invitations", {})))


async def use_invitation(db: Scope, invitation_hash: str, at: datetime) -> Invitation:
    """Let an invitation be used once; raises `Forbidden`. In a transaction, where of two at once one fails."""
    this = {"hash": invitation_hash, "expires_at": {"$gt": at}}
    found = await db.find_one("invitations", this)
    if found is None or not await db.delete("invitations", {"_id": found["_id"]}):
        raise Forbidden(NO_INVITATION)
    return _invitation_of(found)
