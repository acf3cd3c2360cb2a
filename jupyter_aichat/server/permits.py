"""What the frames of a connection need, and whether it may send them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from jupyter_aichat.auth.scopes import READ, WRITE
from jupyter_aichat.domain.model_rule import EVERY_MODEL, AllowedModels
from jupyter_aichat.errors import Forbidden, Unauthenticated
from jupyter_aichat.limits.requests import Counter
from jupyter_aichat.protocol.frames import (
    ClientFrame,
    ContinueFrame,
    EditFrame,
    PingFrame,
    RegenerateFrame,
    SendFrame,
    StopFrame,
    SubscribeFrame,
    UnsubscribeFrame,
)
from jupyter_aichat.server.table import LOGIN

NEEDS: dict[type[ClientFrame], str] = {
    SendFrame: WRITE,
    EditFrame: WRITE,
    RegenerateFrame: WRITE,
    ContinueFrame: WRITE,
    StopFrame: WRITE,
    SubscribeFrame: READ,
    UnsubscribeFrame: LOGIN,
    PingFrame: LOGIN,
}
"""The scope that each frame needs, as `Verb.needs` says it of verbs; a frame that is not here is nobody's to send."""

COUNTS: dict[type[ClientFrame], Counter] = {
    SendFrame: "sends",
    EditFrame: "sends",
    RegenerateFrame: "sends",
    ContinueFrame: "sends",
    StopFrame: "stops",
}
"""What frames are counted as, like `Verb.counts`; all others are requests."""

_ACTIONS = {READ: "read", WRITE: "write"}


class Permits:
    """What one connection may do.

    Parameters
    ----------
    scopes
        Those of its credential; None where credentials have none, as in a personal server.
    authorized
        Asks the server's authorizer about an action; None where it allows all.
    count
        Counts a frame, or raises `RateLimited`; None where nothing is counted.
    models
        Those that may be asked.
    """

    def __init__(
        self,
        scopes: Collection[str] | None = None,
        authorized: Callable[[str], Awaitable[bool]] | None = None,
        count: Callable[[Counter], Awaitable[None]] | None = None,
        models: AllowedModels = EVERY_MODEL,
    ) -> None:
        self.models = models
        self._scopes, self._authorized, self._count = scopes, authorized, count
        self._over = False

    def end(self) -> None:
        """Permit nothing any more: the credential lets nobody in."""
        self._over = True

    async def check(self, frame: ClientFrame) -> None:
        """Raise `Forbidden` for a frame that may not be sent, `Unauthenticated` where the credential has ended, `RateLimited`."""
        needs = NEEDS.get(type(frame), "")
        if self._over:
            raise Unauthenticated
        if self._count is not None:
            await self._count(COUNTS.get(type(frame), "default"))
        if needs == LOGIN:
            return
        if not needs or (self._scopes is not None and needs not in self._scopes):
            raise Forbidden
        if self._authorized is not None and not await self._authorized(_ACTIONS[needs]):
            raise Forbidden
