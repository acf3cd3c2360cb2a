"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from jupyter_server.auth.decorator import allow_unauthenticated

from jupyter_aichat._version import __version__
from jupyter_aichat.protocol.bodies import HealthReply
from jupyter_aichat.server.base import AIChatHandler


class HealthHandler(AIChatHandler):
    """Open to all, and no sign of a person at work."""

    _track_activity = False

    @allow_unauthenticated
    def get(self) -> None:
        """Say that the process lives."""
        lifecycle = self.host.lifecycle
        self.reply(HealthReply("ok", lifecycle.state, lifecycle.failure, __version__))


class ReadyHandler(AIChatHandler):
    """Open to all, for balancers: a degraded service still answers 200."""

    _track_activity = False

    @allow_unauthenticated
    async def get(self) -> None:
        """Say which parts work."""
        readiness = await self.host.lifecycle.readiness()
        self.reply(readiness, 503 if readiness.status == "down" else 200)
