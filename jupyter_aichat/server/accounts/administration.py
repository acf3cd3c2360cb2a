"""What administrators do with accounts, and the audit."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from jupyter_server.auth.decorator import authorized
from msgspec import UnsetType
from tornado import web

from jupyter_aichat.domain.account import AccountQuery
from jupyter_aichat.domain.audit import AuditQuery
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.errors import InvalidRequest
from jupyter_aichat.protocol.administration import (
    AuditPage,
    NewUserBody,
    RecordsQuery,
    UserChangesBody,
    UserPage,
    UsersQuery,
)
from jupyter_aichat.server.accounts.replies import user_of
from jupyter_aichat.server.private import PrivateHandler

T = TypeVar("T")

_new_user = msgspec.json.Decoder(NewUserBody)
_changes = msgspec.json.Decoder(UserChangesBody)


class UsersHandler(PrivateHandler):
    """All accounts."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List them by name."""
        asked = self.query(UsersQuery)
        page = await self.administration.list(
            self.owner, self.origin, AccountQuery(asked.q, asked.group, asked.cursor, asked.limit)
        )
        self.reply(UserPage(tuple(map(user_of, page.items)), page.next))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make an account."""
        body = self.body(_new_user)
        account = await self.administration.create(
            self.owner, self.origin, body.username, body.password, display_name=body.display_name, roles=body.roles
        )
        self.reply(user_of(account), 201)


class UserHandler(PrivateHandler):
    """One account, somebody else's."""

    @web.authenticated
    @authorized
    async def patch(self, user_id: str) -> None:
        """Change what it may do, whether it is let in, its password, or what it may use."""
        body = self.body(_changes)
        if not self.host.has_logins and not (
            isinstance(body.roles, UnsetType)
            and isinstance(body.password, UnsetType)
            and isinstance(body.groups, UnsetType)
        ):
            raise InvalidRequest("People log in elsewhere: passwords, roles and groups are kept there.")
        account = await self.administration.change(
            self.owner, self.origin, OwnerId(user_id),
            disabled=_set(body.disabled), roles=_set(body.roles), password=_set(body.password), quotas=_set(body.quotas),
            groups=_set(body.groups),
        )  # fmt: skip
        self.reply(user_of(account))

    @web.authenticated
    @authorized
    async def delete(self, user_id: str) -> None:
        """Delete it with all its data."""
        await self.administration.delete(self.owner, self.origin, OwnerId(user_id))
        self.done()


class AuditHandler(PrivateHandler):
    """Who did what."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List records, newest first."""
        asked = self.query(RecordsQuery)
        account = None if asked.account is None else OwnerId(asked.account)
        query = AuditQuery(account, asked.action, asked.cursor, asked.limit)
        page = await self.administration.audit(self.owner, self.origin, query)
        named = {who for record in page.items for who in (record.actor, record.subject) if who is not None}
        names = await self.administration.names_of(named)
        self.reply(AuditPage(page.items, page.next, {str(who): name for who, name in names.items()}))


def _set(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value
