"""Paths below ours that are nobody's."""

from __future__ import annotations

from jupyter_aichat.errors import NotFound
from jupyter_aichat.server.base import AIChatHandler


class UnknownHandler(AIChatHandler):
    """Answers with our 404 instead of the server's HTML page; no verb is ever reached."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse: in a personal server as soon as it is known who asks."""
        if not self.host.has_accounts:
            await super().prepare()
        await self.read_unwanted()
        raise NotFound("There is no such path.")
