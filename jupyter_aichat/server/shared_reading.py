"""Follows one shared chat for one reader: the branch that its owner sees, and the answers that grow in it.

What other branches hold is never sent, also while it is being written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.ids import MessageId, OwnerId, RunId
from jupyter_aichat.domain.message import RUNNING, Message
from jupyter_aichat.domain.page import Page
from jupyter_aichat.errors import AIChatError, NotFound
from jupyter_aichat.protocol.shares import (
    SharedChatFrame,
    SharedEvents,
    SharedMessage,
    SharedMessagesFrame,
    server_sent,
)
from jupyter_aichat.server.outbox import Outbox, Stream

if TYPE_CHECKING:
    from jupyter_aichat.auth.shares import OpenedShare
    from jupyter_aichat.engine.engine import Engine

PAGE = 50
LOOK_S = 10.0
"""How often the chat is looked at though no change was heard of: the bus may be away."""
AGAIN_S = 1.0


async def branch_of(engine: Engine, owner: OwnerId, chat: Chat, cursor: str | None, limit: int) -> Page[Message]:
    """Return a page of the branch that a chat's owner sees, newest first."""
    if chat.active_leaf is None:
        return Page(())
    return await engine.chats.path(owner, chat.id, chat.active_leaf, cursor, limit)


class SharedReading:
    """One reader.

    Parameters
    ----------
    over
        Called when the chat is gone.
    """

    def __init__(
        self, engine: Engine, opened: OpenedShare, outbox: Outbox, over: Callable[[], None], log: logging.Logger
    ) -> None:
        self._engine, self._share, self._by = engine, opened.share, opened.owner.display_name
        self._outbox, self._over, self._log = outbox, over, log
        self._seal = opened.seal
        self._changed = asyncio.Event()
        self._head: SharedChatFrame | None = None
        self._known: list[MessageId] | None = None
        self._streams: dict[RunId, tuple[MessageId, Stream]] = {}
        self._unwatch: Callable[[], None] = lambda: None
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Send the chat, and follow it from now on."""
        self._unwatch = self._engine.watch(self._share.owner_id, self._on_change)
        self._task = asyncio.create_task(self._follow(), name="aichat-shared")

    def leave(self) -> None:
        """Send nothing any more."""
        self._unwatch()
        if self._task is not None:
            self._task.cancel()
        for run_id in tuple(self._streams):
            self._leave_run(run_id)

    async def close(self) -> None:
        """Let go of everything."""
        self.leave()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _on_change(self, change: Change) -> None:
        if change.chat_id != self._share.chat_id:
            return
        if change.change == "deleted":
            self._over()
        else:
            self._changed.set()

    async def _follow(self) -> None:
        while True:
            self._changed.clear()
            wait_s = LOOK_S
            try:
                await self._look()
            except NotFound:
                self._over()
                return
            except AIChatError as error:
                self._log.debug("A shared chat cannot be read: %s", error)
                wait_s = AGAIN_S
            except Exception:  # noqa: BLE001 (the top of a task: one fault does not end it)
                self._log.exception("A shared chat could not be followed")
            await self._outbox.room()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    async def _look(self) -> None:
        """Send what is new, and follow the answers that are being written."""
        share = self._share
        chat = await self._engine.chats.get(share.owner_id, share.chat_id)
        page = await branch_of(self._engine, share.owner_id, chat, None, PAGE)
        self._tell_chat(SharedChatFrame(chat.title, chat.model, self._by, share.expires_at))
        self._tell_messages(page)
        for message in page.items:
            if message.status in RUNNING and message.run_id is not None and message.run_id not in self._streams:
                await self._follow_run(message.run_id, message.id)

    def _tell_chat(self, head: SharedChatFrame) -> None:
        if head != self._head:
            self._head = head
            self._outbox.post(server_sent(head))

    def _tell_messages(self, page: Page[Message]) -> None:
        """Send the part of the branch that the reader does not have; what has left the branch is followed no more."""
        messages = page.items[::-1]
        ids = [message.id for message in messages]
        kept, fresh = _joined(self._known, ids)
        before = kept or []
        if self._known == before + fresh:
            return
        self._known = before + fresh
        for run_id, (message_id, _) in tuple(self._streams.items()):
            if message_id not in self._known:
                self._leave_run(run_id)
        items = tuple(map(SharedMessage.of, messages[len(ids) - len(fresh) :]))
        after = before[-1] if before else None
        self._outbox.post(server_sent(SharedMessagesFrame(after, items, None if before else self._seal(page.next))))

    async def _follow_run(self, run_id: RunId, message_id: MessageId) -> None:
        stream = self._outbox.stream(SharedEvents(message_id).server_sent, lambda: self._streams.pop(run_id, None))
        self._streams[run_id] = message_id, stream
        try:
            reader = await self._engine.runs.read(self._share.owner_id, run_id, None, stream.wake)
        except BaseException:
            self._leave_run(run_id)
            raise
        stream.attach(reader)

    def _leave_run(self, run_id: RunId) -> None:
        if (followed := self._streams.pop(run_id, None)) is not None:
            self._outbox.drop(followed[1])


def _joined(known: list[MessageId] | None, ids: list[MessageId]) -> tuple[list[MessageId] | None, list[MessageId]]:
    """Return what a reader keeps of what it has (None: nothing), and what comes after it, for a branch that ends with `ids`.

    The ancestors of a message are always the same, so that what stands before the first of them stays.
    """
    if known is None or not ids or ids[0] not in known:
        return None, ids
    begin = known.index(ids[0])
    same = 0
    while same < len(ids) and begin + same < len(known) and known[begin + same] == ids[same]:
        same += 1
    return known[: begin + same], ids[same:]
