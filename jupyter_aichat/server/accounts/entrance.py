"""Coming in: who may register, registering, logging in, and carrying a session on."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated

from jupyter_aichat.auth.identity import bearer_of
from jupyter_aichat.auth.registration import Registration
from jupyter_aichat.errors import AIChatError, Unauthenticated
from jupyter_aichat.protocol.accounts import AuthReply, LoginBody, PasswordRules, RefreshBody, RegisterBody
from jupyter_aichat.server.accounts.cookie import OpenHandler
from jupyter_aichat.server.accounts.replies import user_of
from jupyter_aichat.server.private import PrivateHandler

_registering = msgspec.json.Decoder(RegisterBody)
_login = msgspec.json.Decoder(LoginBody)
_refresh = msgspec.json.Decoder(RefreshBody)


class AuthHandler(PrivateHandler):
    """How people come in here."""

    @allow_unauthenticated
    def get(self) -> None:
        """Return who may register, and with which passwords."""
        least, most = self.accounts.password_bounds
        self.reply(AuthReply(self.accounts.registration, PasswordRules(least, most)))


class RegisterHandler(OpenHandler):
    """New accounts."""

    @allow_unauthenticated
    async def post(self) -> None:
        """Make an account for somebody, who then logs in."""
        body = self.body(_registering)
        wanted = Registration(body.username, body.password, body.display_name, body.invitation)
        self.reply(user_of(await self.accounts.register(wanted, self.origin)), 201)


class LoginHandler(OpenHandler):
    """New sessions. Nothing that comes along becomes the session's: its id and tokens are always fresh."""

    @allow_unauthenticated
    async def post(self) -> None:
        """Begin a session."""
        body = self.body(_login)
        known = body.known or self._brought()
        grant = await self.accounts.login(body.username, body.password, self.origin, known=known)
        self.grant(grant, cookie=body.cookie)

    def _brought(self) -> str | None:
        """A token from before, if there is one that can be told; it lets nobody in here."""
        with suppress(AIChatError):
            return self.cookie or bearer_of(self.request)
        return None


class RefreshHandler(OpenHandler):
    """Sessions that go on."""

    @allow_unauthenticated
    async def post(self) -> None:
        """Return the next tokens for a refresh token, which comes back as it came."""
        body = self.body(_refresh)
        token = self.refresh_token(body.refresh_token)
        if token is None:
            raise Unauthenticated("There is no refresh token; log in.")
        grant = await self.accounts.sessions.refresh(token, body.attempt, self.origin)
        self.grant(grant, cookie=body.refresh_token is None)
