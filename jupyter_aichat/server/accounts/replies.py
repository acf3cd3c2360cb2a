"""What the domain has becomes what is told: never a hash, never whose it is."""

from __future__ import annotations

from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.credential import Invitation, PersonalToken, Session
from jupyter_aichat.domain.ids import SessionId
from jupyter_aichat.domain.usage import UsageRecord
from jupyter_aichat.protocol.accounts import NewTokenReply, SessionReply, TokenReply, UsedReply
from jupyter_aichat.protocol.administration import InvitationReply, NewInvitationReply, UserReply


def user_of(account: Account) -> UserReply:
    """Return an account."""
    return UserReply(
        account.id, account.name, account.display_name, account.roles, account.disabled, account.created_at,
        account.changed_at, account.quotas, account.groups,
    )  # fmt: skip


def used_of(record: UsageRecord) -> UsedReply:
    """Return what one used of a model on a day."""
    return UsedReply(
        day=record.day, model=record.model, prompt_tokens=record.prompt_tokens, completion_tokens=record.completion_tokens,
        seconds=record.ms / 1000, runs=record.runs,
    )  # fmt: skip


def session_of(session: Session, current: SessionId | None) -> SessionReply:
    """Return a session, and whether it is the one that asks."""
    return SessionReply(
        session.id, session.created_at, session.rotated_at, session.expires_at, session.address, session.agent,
        session.id == current,
    )  # fmt: skip


def token_of(token: PersonalToken) -> TokenReply:
    """Return a personal token's record."""
    return TokenReply(
        id=token.id, name=token.name, scopes=token.scopes, created_at=token.created_at, expires_at=token.expires_at,
        used_at=token.used_at,
    )  # fmt: skip


def new_token_of(token: PersonalToken, secret: str) -> NewTokenReply:
    """Return a personal token that was just made."""
    return NewTokenReply(
        id=token.id, name=token.name, scopes=token.scopes, created_at=token.created_at, expires_at=token.expires_at,
        used_at=token.used_at, token=secret,
    )  # fmt: skip


def invitation_of(invitation: Invitation) -> InvitationReply:
    """Return an invitation."""
    return InvitationReply(
        id=invitation.id, roles=invitation.roles, created_by=invitation.created_by, created_at=invitation.created_at,
        expires_at=invitation.expires_at,
    )  # fmt: skip


def new_invitation_of(invitation: Invitation, code: str) -> NewInvitationReply:
    """Return an invitation that was just made."""
    return NewInvitationReply(
        id=invitation.id, roles=invitation.roles, created_by=invitation.created_by, created_at=invitation.created_at,
        expires_at=invitation.expires_at, invitation=code,
    )  # fmt: skip
