"""Deleting a chat, whoever wants that: its owner, or the rule of how long chats are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from jupyter_aichat.bus.base import Bus
from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.ids import ChatId, OwnerId, RunId
from jupyter_aichat.domain.retention import Outdated
from jupyter_aichat.engine.owners import Owners
from jupyter_aichat.engine.runs import STOP_TOPIC
from jupyter_aichat.errors import BusUnavailable
from jupyter_aichat.stores.base import Store


class Deleting:
    """Deletes chats with all that hangs on them.

    Parameters
    ----------
    end
        Ends a run that this process writes, and tells whether there was one.
    forget
        Forgets the answers that are kept of a chat.
    gone
        Called when a chat is gone, of which the store may have left something.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        owners: Owners,
        *,
        end: Callable[[RunId], bool],
        forget: Callable[[OwnerId, ChatId], Awaitable[None]],
        gone: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._bus, self._owners = store, bus, owners
        self._end, self._forget, self._gone = end, forget, gone

    async def delete(self, owner: OwnerId, chat_id: ChatId, *, only: Outdated | None = None) -> None:
        """Delete a chat; its runs stop, and nothing of them comes back. Raises `NotFound` as `Store.delete_chat` does."""
        for run_id in await self._store.delete_chat(owner, chat_id, only=only):
            if not self._end(run_id):
                with suppress(BusUnavailable):  # then its owner's next checkpoint matches nothing
                    await self._bus.publish(STOP_TOPIC, run_id.encode())
        self._gone()
        await self._forget(owner, chat_id)
        await self._owners.publish(Change(owner, chat_id, "deleted"))
