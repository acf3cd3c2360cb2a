"""What every store decides alike: may this turn be, what becomes of the segments, what a title is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from jupyter_aichat.domain.account import MOST_GROUPS, MOST_PREFERENCES, Account, AccountChanges
from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.message import RUNNING, Continuation, Message, Status
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import Part, TextPart, ThinkingPart
from jupyter_aichat.domain.run import Segment, TakeUp, Turn
from jupyter_aichat.errors import CannotContinue, IdempotencyConflict, InvalidRequest, RunActive

NO_INVITATION = "This invitation was used, has expired or was taken back; ask for a new one."
PORTION = 1000
"""How many messages at most are deleted in one transaction, which others may have to wait for."""
LAST_CHARACTER = "\U0010ffff"
"""What no name has: all that begin alike stand before their beginning with it."""
NOT_FIRST = "There was a first administrator already; let one create the next."


class _Created(Protocol):
    @property
    def created_at(self) -> datetime: ...


_Some = TypeVar("_Some", bound=_Created)


def newest(found: Iterable[_Some]) -> tuple[_Some, ...]:
    """Return what was found, newest first."""
    return tuple(sorted(found, key=lambda each: each.created_at, reverse=True))


def check_shares(present: int, most: int) -> None:
    """A chat has a bounded number of shares; raises `InvalidRequest`."""
    if present >= most:
        raise InvalidRequest(f"A chat may have {most} shares; revoke one first.")


def changed(account: Account, changes: AccountChanges, at: datetime) -> Account:
    """Return an account as changed; raises `InvalidRequest` for more preferences or groups than one may have."""
    after = changes.of(account, at)
    if len(after.preferences) > max(MOST_PREFERENCES, len(account.preferences)):
        raise InvalidRequest(f"An account has at most {MOST_PREFERENCES} preferences.")
    if len(after.groups) > max(MOST_GROUPS, len(account.groups)):
        raise InvalidRequest(f"An account is in {MOST_GROUPS} groups at most.")
    return after


def check_parent(parent: Message | None) -> None:
    """A question follows nothing or an answer that has ended; raises `InvalidRequest` or `RunActive`."""
    if parent is None:
        return
    if parent.role != "assistant":
        raise InvalidRequest("A question must follow an answer; the parent is a question itself.")
    _check_ended(parent)


def check_target(turn: Turn, target: Message) -> None:
    """Whether this message may be edited, answered again or continued, as the turn says."""
    wanted = "user" if turn.mode == "edit" else "assistant"
    if target.role != wanted:
        raise InvalidRequest(f"Only a message of the {wanted} can be used here.")
    if turn.mode == "edit":
        return
    _check_ended(target)
    if turn.mode == "continue" and not target.unfinished:
        raise CannotContinue("Only an answer that was stopped, interrupted or cut by length can be continued.")


def _check_ended(message: Message) -> None:
    if message.status in RUNNING:
        raise RunActive("This answer is still being written; wait for it or stop it.", run_id=message.run_id)


def check_fingerprint(known: str, turn: Turn) -> None:
    """A key stands for one request."""
    if known != turn.fingerprint:
        raise IdempotencyConflict("This idempotency key was used for another request; use a new one.")


def continued(target: Message, turn: Turn) -> Message:
    """Return the answer as its next run takes it up, the place marked."""
    last = target.parts[-1] if target.parts else None
    offset = len(last.text) if isinstance(last, TextPart | ThinkingPart) else 0
    mark = Continuation(max(len(target.parts) - 1, 0), offset, turn.reply.created_at, "user")
    return msgspec.structs.replace(
        target, status="pending", run_id=turn.record.run.id, seq=0, error=None, reason=None,
        continuations=(*target.continuations, mark),
    )  # fmt: skip


def taken_up(message: Message, start: TakeUp) -> Message:
    """Return a running answer as its next owner takes it up."""
    marks = message.continuations if start.mark is None else (*message.continuations, start.mark)
    status: Status = "streaming" if start.parts else "pending"
    return msgspec.structs.replace(message, parts=start.parts, seq=start.seq, continuations=marks, status=status)


def fold(parts: tuple[Part, ...], segments: Iterable[Segment]) -> tuple[Part, ...]:
    """Return the parts after the segments, which are in order."""
    texts: dict[int, list[str]] = {}
    kinds: dict[int, str] = {}
    whole: dict[int, Part] = dict(enumerate(parts))
    for segment in segments:
        if segment.whole is not None:
            whole[segment.part] = segment.whole
            continue
        texts.setdefault(segment.part, []).append(segment.text)
        kinds[segment.part] = segment.kind
    for index, pieces in texts.items():
        before = whole.get(index)
        begin = before.text if isinstance(before, TextPart | ThinkingPart) else ""
        text = begin + "".join(pieces)
        whole[index] = TextPart(text) if kinds[index] == "text" else ThinkingPart(text)
    return tuple(whole[index] for index in sorted(whole))


def joined(message: Message, segments: list[Segment]) -> Message:
    """Return a running message with what its segments hold."""
    if message.status not in RUNNING or not segments:
        return message
    return msgspec.structs.replace(
        message, parts=fold(message.parts, segments), status="streaming", seq=segments[-1].seq
    )


def searchable(text: str) -> str:
    """Return text so that what a person takes for the same is the same: whatever its case, however it was composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def clean(text: str) -> str:
    """Return text that a database can hold; raises `InvalidRequest` for NUL and lone surrogates."""
    if "\0" in text:
        raise InvalidRequest("Text may not contain NUL characters.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("Text may not contain lone surrogates.") from None
    return text


def check_chat(chat: Chat) -> None:
    """Refuse text that a database cannot hold."""
    clean(chat.title)
    clean(chat.model or "")
    _check_options(chat.options)


def check_conversation(conversation: Conversation) -> None:
    """Refuse text that a database cannot hold, and messages that still run: nobody would end them."""
    check_chat(conversation.chat)
    for message in conversation.messages:
        if message.status in RUNNING:
            raise InvalidRequest("A message that comes with its chat has ended.")
        for part in message.parts:
            if isinstance(part, TextPart | ThinkingPart):
                clean(part.text)
        clean(message.model or "")


def check_turn(turn: Turn) -> None:
    """Refuse text that a database cannot hold."""
    for part in turn.question.parts if turn.question else ():
        if isinstance(part, TextPart):
            clean(part.text)
    for text in (turn.title, turn.key, turn.record.generation.model, turn.chat_model):
        clean(text or "")
    _check_options(turn.record.generation.options)


def _check_options(options: Options) -> None:
    for text in (options.system or "", *(options.stop or ())):
        clean(text)
