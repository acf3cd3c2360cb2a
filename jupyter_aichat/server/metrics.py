"""What Prometheus asks: for administrators, and for whoever has the metrics' own token."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
from jupyter_server.auth import AllowAllAuthorizer, Authorizer, IdentityProvider
from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.websocket import WebSocketHandler

from jupyter_aichat.errors import NotFound
from jupyter_aichat.metrics.registry import CONTENT_TYPE
from jupyter_aichat.metrics.state import State
from jupyter_aichat.server.base import AIChatHandler
from jupyter_aichat.server.identity import METRICS_USER, TokenIdentity

if TYPE_CHECKING:
    from jupyter_aichat.server.lifecycle import Lifecycle


class MetricsHandler(AIChatHandler):
    """The metrics of this process; no sign of a person at work."""

    _track_activity = False

    @property
    def identity_provider(self) -> IdentityProvider:
        """The server's, extended by the metrics' token."""
        provider = super().identity_provider
        token = self.host.metrics_token
        return provider if token is None else TokenIdentity(provider, token, METRICS_USER)  # type: ignore[return-value]

    @property
    def authorizer(self) -> Authorizer:
        """The server's; not asked about the token, which is the permission itself."""
        authorizer = super().authorizer
        return AllowAllAuthorizer(parent=authorizer) if self.current_user is METRICS_USER else authorizer

    async def _count_request(self) -> None:
        if self.current_user is not METRICS_USER:  # who is nobody's account, and asks as often as Prometheus does
            await super()._count_request()

    def _check_verb(self) -> None:
        if self.current_user is not METRICS_USER:
            super()._check_verb()

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all metrics as text; also of a server whose engine does not run."""
        if self.host.metrics is None:
            raise NotFound
        text = await self.host.metrics.text(await state_of(self.host.lifecycle))
        self.set_header("Cache-Control", "no-store")
        self.finish(text, set_content_type=CONTENT_TYPE)


async def state_of(lifecycle: Lifecycle) -> State:
    """Return how a server stands."""
    ready = await lifecycle.readiness()
    parts = {"service": ready.status != "down"}
    parts |= {name: state == "ok" for name, state in msgspec.structs.asdict(ready.parts).items()}
    connections = Counter("socket" if isinstance(c, WebSocketHandler) else "events" for c in lifecycle.connections)
    kinds = {"socket": connections["socket"], "events": connections["events"]}
    if lifecycle.state != "ready":
        return State(connections=kinds, parts=parts)
    engine = lifecycle.engine
    answers = {"hit": engine.answers.hits, "miss": engine.answers.misses, "joined": engine.answers.joined}
    return State(
        engine.runs_by_state,
        engine.waiting,
        engine.lines_alone,
        answers,
        kinds,
        parts,
        engine.workers,
        engine.unclaimed,
        engine.models.servers,
    )
