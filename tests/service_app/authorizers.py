"""An authorizer as an operator would write one."""

from __future__ import annotations

from jupyter_server.auth import Authorizer, User
from jupyter_server.base.handlers import JupyterHandler

from jupyter_aichat.auth.identity import AccountUser


class Guests(Authorizer):
    """Whoever is called Guest may read, whoever is called Blind nothing; administrators may do everything."""

    async def is_authorized(self, handler: JupyterHandler, user: User, action: str, resource: str) -> bool:
        """Decide by role and name."""
        assert isinstance(user, AccountUser)
        assert resource == "aichat"
        if "admin" in user.identity.principal.roles or user.name not in ("Guest", "Blind"):
            return True
        return user.name == "Guest" and action != "write"
