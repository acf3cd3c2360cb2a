"""Any chat that a store may hold, for tests: a tree of questions and answers with all that messages have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import strategies as st

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.ids import ChatId, MessageId, new_id
from jupyter_aichat.domain.message import Continuation, Message
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart, ThinkingPart, ToolCallPart
from jupyter_aichat.domain.usage import Usage

TIMES = st.integers(0, 1_700_000_000_000).map(
    lambda ms: datetime.fromtimestamp(ms / 1000, UTC).replace(microsecond=ms % 1000 * 1000)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
WORDS = st.none() | st.text("abc:/.-$", min_size=1, max_size=20)
JSON = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS, lambda each: st.dictionaries(TEXTS, each, max_size=3) | st.lists(each, max_size=3), max_leaves=5)  # fmt: skip
COUNTS = st.none() | st.integers(0, 2**40)
PARTS = st.one_of(
    st.builds(TextPart, TEXTS),
    st.builds(ThinkingPart, TEXTS),
    st.builds(ToolCallPart, TEXTS, TEXTS, st.dictionaries(TEXTS, JSON, max_size=3)),
)
OPTIONS = st.builds(
    Options, temperature=st.none() | st.floats(0, 2), seed=st.none() | st.integers(-9, 9), system=st.none() | TEXTS,
    stop=st.none() | st.tuples(st.text("ab", min_size=1, max_size=3)), think=st.none() | st.booleans(),
)  # fmt: skip


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """A chat with up to eight messages."""
    chat_id, messages = ChatId(new_id()), list[Message]()
    for n in range(1, draw(st.integers(0, 8)) + 1):
        parent = draw(st.sampled_from([None, *messages]))
        messages.append(draw(_message(chat_id, n, parent)))
    created, updated = sorted((draw(TIMES), draw(TIMES)))
    leaf = draw(st.sampled_from(messages)).id if messages else None
    chat = Chat(
        chat_id, draw(TEXTS).strip(), created, updated, model=draw(WORDS), options=draw(OPTIONS),
        pinned=draw(st.booleans()), archived=draw(st.booleans()), active_leaf=leaf,
    )  # fmt: skip
    return Conversation(chat, tuple(messages))


@st.composite
def _message(draw: st.DrawFn, chat_id: ChatId, n: int, parent: Message | None) -> Message:
    place: dict[str, Any] = {"id": MessageId(new_id()), "chat_id": chat_id, "parent_id": parent and parent.id, "n": n}
    if parent is None or parent.role == "assistant":
        parts = tuple(map(TextPart, draw(st.lists(TEXTS, min_size=1, max_size=2))))
        return Message(**place, role="user", parts=parts, status="completed", created_at=draw(TIMES))
    marks = st.builds(Continuation, st.integers(0, 9), st.integers(0, 9), TIMES, st.sampled_from(["takeover", "user"]))
    return Message(
        **place, role="assistant", parts=tuple(draw(st.lists(PARTS, max_size=3))),
        status=draw(st.sampled_from(["completed", "stopped", "interrupted", "failed"])), created_at=draw(TIMES),
        model=draw(WORDS), digest=draw(WORDS), reason=draw(WORDS),
        usage=draw(st.none() | st.builds(Usage, COUNTS, COUNTS, total_ms=COUNTS, tokens_per_second=st.none() | st.floats(0, 1e6))),
        error=draw(st.none() | st.builds(Failure, st.just("timeout"), TEXTS, st.dictionaries(TEXTS, JSON, max_size=2))),
        continuations=tuple(draw(st.lists(marks, max_size=2))),
    )  # fmt: skip


def without_ids(conversation: Conversation) -> Any:
    """What there is of a chat up to its ids: those of messages become their place."""
    places: dict[str | None, int | None] = {each.id: n for n, each in enumerate(conversation.messages)} | {None: None}
    chat = msgspec.to_builtins(conversation.chat)
    chat |= {"id": "", "active_leaf": places[conversation.chat.active_leaf]}
    left_out = {"id": "", "chat_id": "", "run_id": None, "seq": 0}
    messages = [
        msgspec.to_builtins(each) | left_out | {"parent_id": places[each.parent_id]} for each in conversation.messages
    ]
    return chat, messages
