"""What people used of the models: each their own, administrators everybody's."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.usage import UsageQuery
from jupyter_aichat.protocol.accounts import UsedPage
from jupyter_aichat.protocol.administration import OwnUsedQuery, UsagePage, UsageReply, UsedQuery
from jupyter_aichat.server.accounts.replies import used_of
from jupyter_aichat.server.private import PrivateHandler


class OwnUsageHandler(PrivateHandler):
    """One's own tokens and seconds by day and model."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List them, newest day first."""
        asked = self.query(OwnUsedQuery)
        page = await self.engine.quotas.usage(
            UsageQuery(self.owner, asked.since, asked.until, asked.cursor, asked.limit)
        )
        self.reply(UsedPage(tuple(map(used_of, page.items)), page.next))


class UsageHandler(PrivateHandler):
    """Tokens and seconds by person, day and model."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List them, newest day first."""
        asked = self.query(UsedQuery)
        owner = None if asked.owner_id is None else OwnerId(asked.owner_id)
        query = UsageQuery(owner, asked.since, asked.until, asked.cursor, asked.limit)
        page = await self.engine.quotas.usage(query)
        names = await self.administration.names_of_users(
            self.owner, self.origin, {record.owner_id for record in page.items}
        )
        entries = (
            UsageReply(
                owner_id=each.owner_id, name=names.get(each.owner_id), day=each.day, model=each.model, runs=each.runs,
                prompt_tokens=each.prompt_tokens, completion_tokens=each.completion_tokens, seconds=each.ms / 1000,
            )
            for each in page.items
        )  # fmt: skip
        self.reply(UsagePage(tuple(entries), page.next))
