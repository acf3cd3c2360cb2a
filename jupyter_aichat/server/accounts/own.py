"""One's own account: its password, its sessions, its personal tokens, and all that is kept of it."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_aichat.domain.ids import SessionId, TokenId
from jupyter_aichat.protocol.accounts import NewTokenBody, PasswordBody, SessionsReply, TokensReply
from jupyter_aichat.server.accounts.replies import new_token_of, session_of, token_of
from jupyter_aichat.server.files import FileHandler
from jupyter_aichat.server.private import PrivateHandler

_password = msgspec.json.Decoder(PasswordBody)
_new_token = msgspec.json.Decoder(NewTokenBody)

JSON_LINES = "application/x-ndjson"


class PasswordHandler(PrivateHandler):
    """The password."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Change it, which ends all other sessions."""
        body = self.body(_password)
        await self.accounts.change_password(self.identity, body.password, body.new_password, self.origin)
        self.done()


class SessionsHandler(PrivateHandler):
    """All sessions."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List them."""
        found = await self.accounts.sessions.of(await self.accounts.account(self.owner))
        self.reply(SessionsReply(tuple(session_of(each, self.identity.session_id) for each in found)))


class SessionHandler(PrivateHandler):
    """One session."""

    @web.authenticated
    @authorized
    async def delete(self, session_id: str) -> None:
        """End it."""
        await self.accounts.end_session(self.owner, SessionId(session_id), self.origin)
        self.done()


class TokensHandler(PrivateHandler):
    """All personal tokens."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List them."""
        self.reply(TokensReply(tuple(map(token_of, await self.accounts.tokens.of(self.owner)))))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make one, which is shown this once."""
        body = self.body(_new_token)
        lives = timedelta(days=body.days)
        token, secret = await self.accounts.tokens.create(self.principal, body.name, body.scopes, lives, self.origin)
        self.reply(new_token_of(token, secret), 201)


class TokenHandler(PrivateHandler):
    """One personal token."""

    @web.authenticated
    @authorized
    async def delete(self, token_id: str) -> None:
        """Delete it; it lets nobody in from then on."""
        await self.accounts.tokens.delete(self.owner, TokenId(token_id), self.origin)
        self.done()


class ExportHandler(FileHandler):
    """All that is kept of the account."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Send it as a file of JSON lines; the last one says that it is whole."""
        await self.send_file("aichat.jsonl", JSON_LINES, await self.accounts.export(self.owner, self.origin))
