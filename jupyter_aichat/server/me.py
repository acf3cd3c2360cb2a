"""Who is asking."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_aichat.protocol.bodies import MAX_BODY, Limits, MeReply
from jupyter_aichat.server.base import AIChatHandler


class MeHandler(AIChatHandler):
    """The principal of the request; needs no engine, so that a refused socket can always ask why."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Return the principal."""
        who = self.principal
        self.reply(
            MeReply(
                owner_id=who.owner_id,
                name=who.name,
                display_name=who.display_name,
                roles=who.roles,
                scopes=who.scopes,
                preferences={},
                limits=Limits(body=MAX_BODY, frame=MAX_BODY),
            )
        )
