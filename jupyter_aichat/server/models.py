"""The models on offer."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_aichat.protocol.bodies import ModelsReply
from jupyter_aichat.server.base import AIChatHandler


class ModelsHandler(AIChatHandler):
    """All models; asked again and again by open panels, which is no sign of a person at work."""

    _track_activity = False

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List the models."""
        models = await self.engine.models.list(self.allowed)
        self.reply(ModelsReply(models.items, None, models.default, models.providers))
