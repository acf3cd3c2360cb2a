"""How long chats are kept that nobody changes, and whose turn it is to look.

One process at a time looks, and no more often than it has to: whoever writes the turn into the cache has it until it expires. A
sweep that was cut off is made anew with the next turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from traitlets import Bool, Dict, Float, Int, TraitError, Unicode, validate
from traitlets.config import LoggingConfigurable

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.domain.audit import Action
from jupyter_aichat.domain.folding import fold
from jupyter_aichat.domain.retention import MOST_DAYS, RetentionRules
from jupyter_aichat.engine.deleting import Deleting
from jupyter_aichat.engine.expiring import Expiring
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.base import Store

LOOK_S = 30.0
"""How often a process looks whether the turn is free."""

_TURN = "retention"


class Retention(LoggingConfigurable):
    """Deletes chats of people with an account after a time, where the operator wants that.

    Parameters
    ----------
    accounts
        None in a server of one person, whose chats are kept for ever.
    noted
        Called with each action that is written into the audit.
    """

    days = Int(
        0, min=0, max=MOST_DAYS,
        help="Days after which a chat that nobody changed is deleted, of people with an account; 0 keeps all. A message changes a "
        "chat, and so do its title and its settings; reading it does not.",
    ).tag(config=True)  # fmt: skip
    days_by_group = Dict(
        Int(min=0, max=MOST_DAYS), key_trait=Unicode(),
        help="The same for the members of groups, such as {'class-1': 180, 'staff': 0}; for them it goes before `days`. Who is in "
        "several of these groups has the most of their days.",
    ).tag(config=True)  # fmt: skip
    deletes_pinned = Bool(False, help="Whether chats that their owners have pinned are deleted as well.").tag(
        config=True
    )
    every_s = Float(
        3600.0, min=1.0, help="Seconds from one look at all accounts to the next, of all processes together."
    ).tag(config=True)

    def __init__(
        self, accounts: AccountStore | None = None, noted: Callable[[Action], None] = lambda _: None, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self._accounts, self._noted = accounts, noted
        by_group = {fold(name): days for name, days in self.days_by_group.items()}
        self.rules = RetentionRules(self.days, by_group, self.deletes_pinned) if accounts else RetentionRules()
        self._task: asyncio.Task[None] | None = None

    @validate("days_by_group")
    def _check_groups(self, proposal: Mapping[str, dict[str, int]]) -> dict[str, int]:
        names = [fold(name) for name in proposal["value"]]
        if "" in names or len(set(names)) < len(names):
            raise TraitError("Retention.days_by_group cannot be used: it has a group twice, or one without a name.")
        return proposal["value"]

    def start(self, store: Store, deleting: Deleting, cache: Cache, log: logging.Logger) -> None:
        """Begin to delete what is outdated, where there is a rule."""
        if self._accounts is not None and self.rules.any and self._task is None:
            expiring = Expiring(store, self._accounts, deleting, self._noted)
            self._task = asyncio.create_task(self._look_on(expiring, cache, log), name="aichat-retention")

    async def stop(self) -> None:
        """Delete nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _look_on(self, expiring: Expiring, cache: Cache, log: logging.Logger) -> None:
        while True:
            await asyncio.sleep(min(LOOK_S, self.every_s))
            try:
                if await cache.add(_TURN, b"1", self.every_s):
                    await self._take_turn(expiring, cache, log)
            except AIChatError as error:
                log.warning("Chats that are outdated cannot be deleted right now: %s", error.code)
            except Exception:
                log.exception("Deleting chats that are outdated failed")

    async def _take_turn(self, expiring: Expiring, cache: Cache, log: logging.Logger) -> None:
        """Make a sweep; the turn of one that could not be made is free at once."""
        chats = 0
        try:
            async for expired in expiring.sweep(self.rules):
                chats += expired.chats
        except AIChatError:
            await cache.delete(_TURN)
            raise
        finally:
            if chats:
                log.info("Deleted %d chats that nobody had changed for as long as they are kept", chats)
