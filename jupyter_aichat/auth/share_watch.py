"""Tells readers when their share ends: revoked, its time over, or the chat, its owner or its reader gone.

One question a second for all that are read in this process; none while nobody reads. It does not rely on the bus.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

import msgspec

from jupyter_aichat.bus.base import Unsubscribe
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import ShareId
from jupyter_aichat.domain.share import Share
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.logs.context import nobodys
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.shares import ShareStore

LOOK_S = 1.0
UNSURE_S = 30.0
"""Readers are let go when the store has not said for so long that their shares are there."""

Ended = Callable[[], None]


class _Reader(msgspec.Struct, frozen=True, eq=False):
    share: Share
    ended: Ended


class ShareWatch:
    """Readers of shares in this process."""

    def __init__(self, store: ShareStore, accounts: AccountStore, log: logging.Logger) -> None:
        self._store, self._accounts, self._log = store, accounts, log
        self._readers: set[_Reader] = set()
        self._soon = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._sure_at = 0.0

    def watch(self, share: Share, ended: Ended) -> Unsubscribe:
        """Call `ended` when a share lets nobody read any more; it must return at once and not raise."""
        reader = _Reader(share, ended)
        self._readers.add(reader)
        if self._task is None or self._task.done():
            self._sure_at = time.monotonic()
            self._task = asyncio.create_task(self._look_while_read(), name="aichat-shares", context=nobodys())
        return lambda: self._forget(reader)

    def _forget(self, reader: _Reader) -> None:
        self._readers.discard(reader)
        if not self._readers and self._task is not None:
            self._task.cancel()
            self._task = None

    def look_soon(self) -> None:
        """Ask the store now: something has ended."""
        self._soon.set()

    async def _look_while_read(self) -> None:
        while self._readers:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._soon.wait()
            self._soon.clear()
            try:
                await self._look_once()
            except AIChatError as error:
                self._log.debug("The store does not say how shares stand: %s", error)
                self._end_unsure()
            except Exception:  # noqa: BLE001 (the watch over all readers must not end by one fault)
                self._log.exception("Readers of shares could not be checked")
                self._end_unsure()

    async def _look_once(self) -> None:
        readers = tuple(self._readers)
        shares = await self._store.shares(list({each.share.id for each in readers}))
        owners = await self._accounts.accounts(list({each.owner_id for each in shares}))
        in_force = {each.id for each in owners if not each.disabled}
        at = now()
        there: set[ShareId] = {each.id for each in shares if each.owner_id in in_force and not each.over(at)}
        self._sure_at = time.monotonic()
        self._end([each for each in readers if each.share.id not in there])

    def _end_unsure(self) -> None:
        at, unsure = now(), time.monotonic() - self._sure_at > UNSURE_S
        self._end([each for each in self._readers if unsure or each.share.over(at)])

    def _end(self, readers: list[_Reader]) -> None:
        for each in readers:
            if each in self._readers:
                self._readers.discard(each)
                each.ended()
