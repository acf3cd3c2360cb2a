"""Paths below ours that are nobody's."""

from __future__ import annotations

from jupyter_aichat.errors import NotFound
from jupyter_aichat.server.base import AIChatHandler


class UnknownHandler(AIChatHandler):
    """Answers with our 404 instead of the server's HTML page; no verb is ever reached."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse, as soon as it is known who asks."""
        await super().prepare()
        raise NotFound("There is no such path.")
