"""Sessions, personal tokens and invitations in SQLite: jobs for the store's threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.credential import Invitation, PersonalToken, Rotation, Session
from jupyter_aichat.domain.ids import InvitationId, OwnerId, SessionId
from jupyter_aichat.errors import Forbidden, InvalidRequest, NotFound
from jupyter_aichat.stores.rules import NO_INVITATION, newest
from jupyter_aichat.stores.sqlite_rows import encode

Value = TypeVar("Value")

_session_of = msgspec.json.Decoder(Session).decode
_token_of = msgspec.json.Decoder(PersonalToken).decode
_invitation_of = msgspec.json.Decoder(Invitation).decode

_IN = "IN (SELECT value FROM json_each(?))"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _list(values: Iterable[str]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _put_session(db: sqlite3.Connection, session: Session) -> None:
    db.execute("INSERT OR REPLACE INTO sessions (id, owner_id, expires_ms, body) VALUES (?, ?, ?, ?)",
               (session.id, session.owner_id, _ms(session.expires_at), encode(session)))  # fmt: skip


def create_session(db: sqlite3.Connection, session: Session) -> None:
    """See `AccountStore.create_session`; those that are over go by the way."""
    db.execute("DELETE FROM sessions WHERE expires_ms < ?", (_ms(now()),))
    _put_session(db, session)


def sessions(db: sqlite3.Connection, wanted: Sequence[SessionId]) -> tuple[Session, ...]:
    """See `AccountStore.sessions`."""
    rows = db.execute(f"SELECT body FROM sessions WHERE id {_IN}", (_list(wanted),))
    return tuple(_session_of(body) for (body,) in rows)


def sessions_of(db: sqlite3.Connection, owner: OwnerId) -> tuple[Session, ...]:
    """See `AccountStore.sessions_of`."""
    rows = db.execute("SELECT body FROM sessions WHERE owner_id = ?", (owner,))
    return newest(_session_of(body) for (body,) in rows)


def rotate(db: sqlite3.Connection, session_id: SessionId, rotation: Rotation) -> Session | None:
    """See `AccountStore.rotate`."""
    found = sessions(db, [session_id])
    if not found or found[0].refresh_hash != rotation.before_hash:
        return None
    rotated = rotation.of(found[0])
    _put_session(db, rotated)
    return rotated


def keep_session(db: sqlite3.Connection, session_id: SessionId, before: Account, stamp: int) -> None:
    """Let a session that was valid for the account as it was go on with its new stamp."""
    for session in sessions(db, [session_id]):
        if session.owner_id == before.id and session.stamp == before.stamp:
            _put_session(db, msgspec.structs.replace(session, stamp=stamp))


def end_other_sessions(db: sqlite3.Connection, owner: OwnerId, stamp: int | None) -> None:
    """Delete the sessions of an owner that do not bear this stamp."""
    for session in sessions_of(db, owner):
        if session.stamp != stamp:
            delete(db, "sessions", owner, session.id)


def delete(db: sqlite3.Connection, table: str, owner: OwnerId, name: str) -> bool:
    """Delete a session or a token of an owner; tell whether there was one."""
    return db.execute(f"DELETE FROM {table} WHERE id = ? AND owner_id = ?", (name, owner)).rowcount == 1


def create_token(db: sqlite3.Connection, token: PersonalToken, most: int) -> None:
    """See `AccountStore.create_token`."""
    if db.execute("SELECT 1 FROM accounts WHERE owner_id = ?", (token.owner_id,)).fetchone() is None:
        raise NotFound("There is no such account.")
    if db.execute("SELECT count(*) FROM tokens WHERE owner_id = ?", (token.owner_id,)).fetchone()[0] >= most:
        raise InvalidRequest(f"An account may have {most} personal tokens; delete one first.")
    db.execute("INSERT INTO tokens (id, owner_id, hash, body) VALUES (?, ?, ?, ?)",
               (token.id, token.owner_id, token.hash, encode(token)))  # fmt: skip


def tokens(db: sqlite3.Connection, hashes: Sequence[str]) -> tuple[PersonalToken, ...]:
    """See `AccountStore.tokens`."""
    rows = db.execute(f"SELECT body FROM tokens WHERE hash {_IN}", (_list(hashes),))
    return tuple(_token_of(body) for (body,) in rows)


def tokens_of(db: sqlite3.Connection, owner: OwnerId) -> tuple[PersonalToken, ...]:
    """See `AccountStore.tokens_of`."""
    return newest(_token_of(body) for (body,) in db.execute("SELECT body FROM tokens WHERE owner_id = ?", (owner,)))


def touch_token(db: sqlite3.Connection, token: PersonalToken) -> None:
    """See `AccountStore.touch_token`."""
    db.execute("UPDATE tokens SET body = ? WHERE id = ?", (encode(token), token.id))


def create_invitation(db: sqlite3.Connection, invitation: Invitation) -> None:
    """See `AccountStore.create_invitation`; those that are over go by the way."""
    db.execute("DELETE FROM invitations WHERE expires_ms < ?", (_ms(now()),))
    db.execute("INSERT INTO invitations (id, hash, expires_ms, body) VALUES (?, ?, ?, ?)",
               (invitation.id, invitation.hash, _ms(invitation.expires_at), encode(invitation)))  # fmt: skip


def invitations(db: sqlite3.Connection) -> tuple[Invitation, ...]:
    """See `AccountStore.list_invitations`."""
    return newest(_invitation_of(body) for (body,) in db.execute("SELECT body FROM invitations"))


def use_invitation(db: sqlite3.Connection, invitation_hash: str, at: datetime) -> Invitation:
    """Let an invitation be used once; raises `Forbidden`."""
    row = db.execute(
        "DELETE FROM invitations WHERE hash = ? AND expires_ms > ? RETURNING body", (invitation_hash, _ms(at))
    ).fetchone()
    if row is None:
        raise Forbidden(NO_INVITATION)
    return _invitation_of(row[0])


def delete_invitation(db: sqlite3.Connection, invitation: InvitationId) -> bool:
    """See `AccountStore.delete_invitation`."""
    return db.execute("DELETE FROM invitations WHERE id = ?", (invitation,)).rowcount == 1
