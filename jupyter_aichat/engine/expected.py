"""How long a prompt will be, before its history is read: as long as the one before, and what came to it since."""

from __future__ import annotations

from contextlib import suppress

from msgspec import UNSET

from jupyter_aichat.domain.ids import MessageId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.domain.run import Turn
from jupyter_aichat.engine.window import BYTES_PER_TOKEN
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.base import Store


async def prompt_tokens(store: Store, turn: Turn, leaf: MessageId | None) -> int:
    """Return the estimate for a turn that is about to be committed to a chat with this active leaf.

    What is not there, the commit will say.
    """
    options = turn.record.generation.options
    size = len(options.system or "") + (len(text_of(turn.question.parts)) if turn.question else 0)
    before = None
    with suppress(NotFound):
        before = await _answer_before(store, turn, leaf)
    return int(size / BYTES_PER_TOKEN) + (_read(before, again=turn.mode == "regenerate") if before else 0)


async def _answer_before(store: Store, turn: Turn, leaf: MessageId | None) -> Message | None:
    """The last answer on the branch, of which the provider counted the prompt."""
    owner = turn.record.owner_id
    if turn.mode == "send":
        parent = leaf if turn.parent_id is UNSET else turn.parent_id
    elif turn.mode == "edit" and turn.target is not None:
        parent = (await store.get_message(owner, turn.chat_id, turn.target)).parent_id
    else:
        parent = turn.target
    return None if parent is None else await store.get_message(owner, turn.chat_id, parent)


def _read(answer: Message, *, again: bool) -> int:
    """The prompt of an answer, and the answer itself, which is a part of the next one's."""
    usage = answer.usage
    said = 0 if again else len(text_of(answer.parts))
    if usage is None or usage.prompt_tokens is None:
        return int(said / BYTES_PER_TOKEN)
    return usage.prompt_tokens + (0 if again else usage.completion_tokens or int(said / BYTES_PER_TOKEN))
