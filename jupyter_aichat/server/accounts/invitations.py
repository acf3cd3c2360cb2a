"""Invitations to register."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_aichat.domain.ids import InvitationId
from jupyter_aichat.protocol.administration import InvitationsReply, NewInvitationBody
from jupyter_aichat.server.accounts.replies import invitation_of, new_invitation_of
from jupyter_aichat.server.private import PrivateHandler

_new = msgspec.json.Decoder(NewInvitationBody)


class InvitationsHandler(PrivateHandler):
    """All invitations that can still be used."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List them."""
        found = await self.administration.invitations(self.owner, self.origin)
        self.reply(InvitationsReply(tuple(map(invitation_of, found))))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make one, whose code is shown this once."""
        body = self.body(_new)
        made, code = await self.administration.invite(self.owner, self.origin, timedelta(days=body.days), body.roles)
        self.reply(new_invitation_of(made, code), 201)


class InvitationHandler(PrivateHandler):
    """One invitation."""

    @web.authenticated
    @authorized
    async def delete(self, invitation_id: str) -> None:
        """Take it back."""
        await self.administration.take_back(self.owner, self.origin, InvitationId(invitation_id))
        self.done()
