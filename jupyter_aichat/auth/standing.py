"""How a credential stands: the one place that says whether it lets somebody in, and as whom."""

from __future__ import annotations

from datetime import datetime

import msgspec

from jupyter_aichat.auth.scopes import scopes_of
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.credential import PersonalToken, Session
from jupyter_aichat.domain.identity import Ending, Identity
from jupyter_aichat.domain.principal import Principal


class Standing(msgspec.Struct, frozen=True):
    """A credential and its account, as the store has them; either may be gone."""

    proof: Session | PersonalToken | None
    account: Account | None

    def ending(self, at: datetime) -> Ending | None:
        """Why it lets nobody in, or None if it does."""
        if self.account is None or self.account.disabled:
            return "revoked"
        if self.proof is None:
            return "ended"
        if isinstance(self.proof, Session) and self.proof.stamp != self.account.stamp:
            return "ended"
        return "expired" if at >= self.proof.expires_at else None

    def principal(self) -> Principal:
        """Who it is, with what is allowed at present."""
        assert self.account is not None
        account, scopes = self.account, scopes_of(self.account.roles)
        if isinstance(self.proof, PersonalToken):
            scopes = tuple(scope for scope in self.proof.scopes if scope in scopes)
        return Principal(account.id, account.name, account.display_name, account.roles, scopes, account.groups)


def ending_of(identity: Identity, standing: Standing, at: datetime) -> Ending | None:
    """Why what an open connection came with lets nobody in any more, or not as before.

    `standing` has the account also where its credential is gone, to tell a logout from the end of the account.
    """
    ending = standing.ending(at)
    if ending == "ended" and identity.credential.kind == "token":
        return "revoked"
    if ending is not None:
        return ending
    if at >= identity.expires_at:
        return "expired"
    present, before = standing.principal(), identity.principal
    same = (present.roles, present.scopes, present.groups) == (before.roles, before.scopes, before.groups)
    return None if same else "changed"
