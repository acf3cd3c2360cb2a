"""What one connection follows: runs by themselves, and chats with all their runs, also later ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.ids import ChatId, OwnerId, RunId
from jupyter_aichat.domain.run import Run
from jupyter_aichat.protocol.frames import EventFrames
from jupyter_aichat.server.outbox import Outbox, Stream

if TYPE_CHECKING:
    from jupyter_aichat.engine.engine import Engine

FROM_FIRST = 0


@dataclass(slots=True)
class _Followed:
    chat_id: ChatId
    stream: Stream


class Subscriptions:
    """Follows runs of one owner into one outbox."""

    def __init__(self, engine: Engine, owner: OwnerId, outbox: Outbox) -> None:
        self._engine, self._owner, self._outbox = engine, owner, outbox
        self._runs: dict[RunId, _Followed] = {}
        self._chats: set[ChatId] = set()

    async def follow_run(self, run_id: RunId, chat_id: ChatId, after: int | None) -> None:
        """Send what comes later than `after` (None: a snapshot first); begins anew where the run was followed."""
        self.leave_run(run_id)
        stream = self._outbox.stream(EventFrames(run_id, chat_id).frame, lambda: self._ended(run_id))
        self._runs[run_id] = _Followed(chat_id, stream)
        try:
            reader = await self._engine.runs.read(self._owner, run_id, after, stream.wake)
        except BaseException:
            self.leave_run(run_id)
            raise
        stream.attach(reader)

    async def follow_chat(self, chat_id: ChatId) -> tuple[Run, ...]:
        """Return the runs under way, and from now on let `wants` say yes to later ones."""
        known = chat_id in self._chats
        self._chats.add(chat_id)
        try:
            return await self._engine.runs.active(self._owner, chat_id)
        except BaseException:
            if not known:
                self._chats.discard(chat_id)
            raise

    def wants(self, change: Change) -> RunId | None:
        """Return the run that began with this change, if it is to be followed and is not yet."""
        if change.change == "deleted":
            self._chats.discard(change.chat_id)
        if change.chat_id not in self._chats or change.run_id in self._runs:
            return None
        return change.run_id

    def leave_run(self, run_id: RunId) -> None:
        """Follow a run no more."""
        if followed := self._runs.pop(run_id, None):
            self._outbox.drop(followed.stream)

    def leave_chat(self, chat_id: ChatId) -> None:
        """Follow a chat and its runs no more."""
        self._chats.discard(chat_id)
        for run_id in [run for run, followed in self._runs.items() if followed.chat_id == chat_id]:
            self.leave_run(run_id)

    def _ended(self, run_id: RunId) -> None:
        self._runs.pop(run_id, None)
