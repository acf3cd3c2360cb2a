"""The port of durable storage.

Every user-owned record is found, changed and deleted by its owner's id together with its own; a foreign id is
`NotFound`, like an unknown one. Every write of a run is conditional on ``(run_id, epoch)`` and is never an upsert,
so that a deposed owner and a deleted chat match nothing. Methods raise `StoreUnavailable` when the database is
away, and only errors of `jupyter_aichat.errors`. One contract suite (``tests/contract``) holds for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import Chat, ChatChanges, ChatQuery
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.ids import ChatId, InstanceId, MessageId, OwnerId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.page import Branch, Page
from jupyter_aichat.domain.retention import Outdated
from jupyter_aichat.domain.run import Committed, RunEnd, RunRecord, Segment, TakeUp, Turn


class Progress(msgspec.Struct, frozen=True):
    """A run as it stands, and its checkpoints after a position, for readers in another process."""

    record: RunRecord
    segments: tuple[Segment, ...]


class Lapsed(msgspec.Struct, frozen=True):
    """An instance that is gone; ``gone_s`` are the seconds since its last sign of life, by the database's own clock.

    None where that is unknown.
    """

    instance: InstanceId
    gone_s: float | None = None


class Store(Protocol):
    """Durable storage of chats, messages, runs and instances."""

    takes_over: bool
    """Whether another instance may go on with a dead one's runs (else they end as interrupted)."""

    async def open(self) -> None:
        """Connect and migrate."""

    async def close(self) -> None:
        """Finish what was accepted, then let go of everything."""

    async def ping(self) -> None:
        """Return if the store works, else raise `StoreUnavailable`."""

    async def create_chat(self, owner: OwnerId, chat: Chat) -> Chat:
        """Write a new chat."""
        ...

    async def add_conversation(self, owner: OwnerId, conversation: Conversation) -> Chat:
        """Write a new chat with all its messages, which have ended, in one transaction."""
        ...

    async def has_chats(self, owner: OwnerId, count: int) -> bool:
        """Return whether an owner has at least so many chats, archived ones too; looks at no more than that."""
        ...

    async def get_chat(self, owner: OwnerId, chat_id: ChatId) -> Chat:
        """Return a chat or raise `NotFound`."""
        ...

    async def list_chats(self, owner: OwnerId, query: ChatQuery) -> Page[Chat]:
        """Return a page of chats: pinned first, then newest change first. A bad cursor is `InvalidRequest`."""
        ...

    async def change_chat(self, owner: OwnerId, chat_id: ChatId, changes: ChatChanges) -> Chat:
        """Apply the changes and raise ``updated_at``; a leaf that is no message of the chat is `NotFound`."""
        ...

    async def outdated_chats(self, owner: OwnerId, outdated: Outdated, limit: int | None = None) -> tuple[ChatId, ...]:
        """Return an owner's chats that are outdated, archived ones too, the longest unchanged first; at most so many."""
        ...

    async def delete_chat(self, owner: OwnerId, chat_id: ChatId, *, only: Outdated | None = None) -> tuple[RunId, ...]:
        """Delete a chat with all that hangs on it, at once; return the runs that were under way.

        One that is not outdated (any more) is `NotFound` where `only` those shall be deleted. The idempotency keys of its sends stay behind as tombstones for a day, so that a late retry is `NotFound`.
        Of a chat of very many messages these, and its runs that have ended, are left for `clear`: its owner can read them until then by their ids.
        """
        ...

    async def clear(self) -> bool:
        """Take away a portion of what is left of deleted chats, whoever deleted them; return whether there was something."""
        ...

    async def get_message(self, owner: OwnerId, chat_id: ChatId, message_id: MessageId) -> Message:
        """Return a message, a running one joined with its segments, or raise `NotFound`."""
        ...

    async def list_messages(self, owner: OwnerId, chat_id: ChatId, cursor: str | None, limit: int) -> Page[Message]:
        """Return a page of all messages of a chat in creation order (``n``)."""
        ...

    async def path(
        self, owner: OwnerId, chat_id: ChatId, leaf: MessageId, cursor: str | None, limit: int
    ) -> Branch[Message]:
        """Return a page of the messages from `leaf` up to its root, newest first.

        ``length`` counts from this page's first message; a cursor goes on where the page before it ended.
        """
        ...

    async def commit(self, turn: Turn) -> Committed:
        """Commit a send in one transaction: question, reply, run, the chat's leaf, ``n`` and ``updated_at``.

        ``n`` of the messages comes from the chat's counter, whatever the turn says. The reply's parent is the question
        where there is one; the question's parent is the turn's ``parent_id`` (UNSET: the active leaf), and for
        "edit" the parent of the target. A chat without a title takes the turn's.

        Raises
        ------
        NotFound
            The chat, the parent or the target is not there (or is another owner's), or the key's chat was deleted.
        RunActive
            The parent (for "regenerate" and "continue": the target) is an assistant message that is still running;
            ``details["run_id"]`` names the run.
        InvalidRequest
            Roles would not alternate: a question needs no parent or an assistant's message; "edit" a user's target;
            "regenerate" and "continue" an assistant's.
        CannotContinue
            "continue": the target is not stopped, interrupted or completed by length.
        IdempotencyConflict
            The key was used with another fingerprint. With the same one the first result is returned, ``replayed``.
        """
        ...

    async def committed(self, turn: Turn) -> Committed | None:
        """Return what the turn's key committed before, as `commit` does, or None; nothing is written."""
        ...

    async def get_run(self, owner: OwnerId, run_id: RunId) -> RunRecord:
        """Return a run or raise `NotFound`."""
        ...

    async def active_runs(self, owner: OwnerId, chat_id: ChatId) -> tuple[RunRecord, ...]:
        """Return the runs of a chat that have not ended."""
        ...

    async def progress(self, owner: OwnerId, run_id: RunId, after: int) -> Progress:
        """Return the run and its segments whose ``seq`` is greater than `after`, in order, or raise `NotFound`."""
        ...

    async def claim(self, owner: OwnerId, run_id: RunId, epoch: int, instance: InstanceId) -> RunRecord | None:
        """Take a run that has not ended from whoever holds it at `epoch`: the epoch goes up by one.

        Return the run as claimed, or None where somebody else was faster, or it has ended or is gone.
        """
        ...

    async def take_up(self, owner: OwnerId, run_id: RunId, epoch: int, start: TakeUp) -> Message | None:
        """Let a claimed run go on from ``start.parts``: in one transaction they replace what message and segments hold.

        ``start.mark``, if there is one, is added to the message's continuations. Return the message as it then stands,
        or None where the run is gone, has ended or has another epoch.
        """
        ...

    async def checkpoint(self, segments: Sequence[Segment]) -> frozenset[RunId]:
        """Insert segments of many runs in one transaction; the runs are ``streaming`` from the first one on.

        Return the runs whose segments matched no ``(run_id, epoch)`` that has not ended: deposed, ended or deleted.
        """
        ...

    async def end_run(self, owner: OwnerId, run_id: RunId, epoch: int, end: RunEnd) -> RunRecord | None:
        """End run and message in one conditional transaction, and fold the segments.

        The message's parts become ``end.parts``, or what its segments say where that is None; the end's charge is added to
        what the owner used, in the same transaction; also that of a run whose chat was deleted meanwhile, unless the owner's
        account is gone. Return the run as it stands afterwards, whoever won, or None where it is gone or its epoch is another and it has not ended.
        """
        ...

    async def request_stop(self, owner: OwnerId, run_id: RunId) -> RunRecord:
        """Set ``stop_requested`` unless the run has ended; return it as it stands, or raise `NotFound`."""
        ...

    async def stop_requests(self, instance: InstanceId) -> tuple[RunId, ...]:
        """Return the instance's runs that have not ended and shall stop: one query for all."""
        ...

    async def join(self, instance: InstanceId) -> None:
        """Make the instance known as alive; `NotReady` where a copy of another store was begun here and is not whole."""

    async def beat(self, instance: InstanceId) -> None:
        """Say that the instance is alive."""

    async def leave(self, instance: InstanceId) -> None:
        """Take the instance's record away; where runs of it go on, mark it as left instead, for the others to see at once.

        It may be another instance, whose runs the caller has taken.
        """

    async def lapsed(self, instance: InstanceId) -> tuple[Lapsed, ...]:
        """Return the other instances that are surely dead, as seen by `instance`, or left while runs of theirs went on.

        A store that must watch the others to know is asked about every half second.
        """
        ...

    async def orphans(self, instances: Sequence[InstanceId]) -> tuple[RunRecord, ...]:
        """Return the runs of these instances that have not ended."""
        ...

    async def unclaimed(self, limit: int) -> tuple[RunRecord, ...]:
        """Return runs that have not ended and were never anybody's, at most so many: for whoever asks the models."""
        ...

    async def changes(self, after: int | None) -> tuple[int, tuple[Change, ...]]:
        """Return what other processes changed since a position, and the new position; None begins at now.

        For stores without a shared bus (SQLite): one cheap look a second. Others return ``(0, ())``.
        """
        ...
