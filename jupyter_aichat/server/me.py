"""Who is asking, and one's own account."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from jupyter_server.auth.decorator import authorized
from msgspec import UnsetType
from tornado import web

from jupyter_aichat.domain.retention import RetentionRules
from jupyter_aichat.errors import NotFound, Unauthenticated
from jupyter_aichat.protocol.accounts import LeaveBody, ProfileBody
from jupyter_aichat.protocol.bodies import MAX_BODY, Limits, MeReply
from jupyter_aichat.server.accounts.cookie import CookieHandler

_profile = msgspec.json.Decoder(ProfileBody)
_leave = msgspec.json.Decoder(LeaveBody)


class MeHandler(CookieHandler):
    """The principal of the request; needs no engine, so that a refused socket can always ask why."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the principal."""
        await self._tell(await self._preferences())

    @web.authenticated
    @authorized
    async def patch(self) -> None:
        """Change the name that others see, or preferences."""
        body = self.body(_profile)
        account = await self.accounts.change_profile(
            self.owner,
            display_name=None if isinstance(body.display_name, UnsetType) else body.display_name,
            preferences=None if isinstance(body.preferences, UnsetType) else body.preferences,
        )
        await self._tell(account.preferences, account.display_name)

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """Delete the account with all its data."""
        await self.accounts.delete(self.identity, self.body(_leave).password, self.origin)
        self.forget()
        self.done()

    async def _preferences(self) -> Mapping[str, object]:
        if not self.host.has_accounts:
            return {}
        try:
            return (await self.accounts.account(self.owner)).preferences
        except NotFound:  # it went within the second that its credential is believed
            raise Unauthenticated from None

    async def _limits(self) -> Limits:
        if (accounts := self.host.accounts) is None:
            return Limits(body=MAX_BODY, frame=MAX_BODY)
        limits = accounts.limits
        return Limits(
            body=MAX_BODY, frame=MAX_BODY, connections=limits.connections,
            requests_per_minute=limits.per_minute or None, sends_per_minute=limits.sends_per_minute or None,
            quotas=await self.engine.quotas.standing(self.owner),
        )  # fmt: skip

    async def _tell(self, preferences: Mapping[str, object], display_name: str | None = None) -> None:
        who, retention = self.principal, self.engine.retention.rules if self.host.accounts else RetentionRules()
        self.reply(
            MeReply(
                owner_id=who.owner_id,
                name=who.name,
                display_name=who.display_name if display_name is None else display_name,
                roles=who.roles,
                scopes=who.scopes,
                preferences=dict(preferences),
                limits=await self._limits(),
                groups=who.groups,
                keeps_chats_days=retention.days_of(who.groups),
                keeps_pinned=not retention.pinned,
            )
        )
