"""What of a chat a model is given: the system prompt, the last message, and as much before it as fits.

Tokens are estimated from bytes; what a provider counted for an earlier prompt of the same model corrects the estimate.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from jupyter_aichat.domain.event import Context
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import Part, TextPart, ToolCallPart
from jupyter_aichat.providers.base import PromptMessage

BYTES_PER_TOKEN = 3.6
TOKENS_PER_MESSAGE = 4
_REPLY_SHARE = 4
_CUT_BELOW = 0.6


class Window(msgspec.Struct, frozen=True):
    """The messages to send, oldest first, and what is told about them."""

    messages: tuple[PromptMessage, ...]
    context: Context


def budget_of(num_ctx: int, options: Options) -> int:
    """Return the tokens of a window that are left for the prompt; the reply keeps a quarter, or what was asked."""
    reply = options.num_predict or num_ctx // _REPLY_SHARE
    return num_ctx - min(reply, num_ctx // 2)


class Estimator:
    """Estimates tokens, per model, and learns from what the provider counted."""

    def __init__(self) -> None:
        self._factors: dict[str, float] = {}

    def tokens(self, model: str, message: PromptMessage) -> int:
        """Return the estimate for one message."""
        size = sum(_size(part) for part in message.parts)
        return int(size / BYTES_PER_TOKEN * self._factors.get(model, 1.0)) + TOKENS_PER_MESSAGE

    def tokens_of(self, model: str, size: int) -> int:
        """Return the estimate for so many characters."""
        return int(size / BYTES_PER_TOKEN * self._factors.get(model, 1.0))

    def learn(self, model: str, estimated: int, counted: int) -> None:
        """Correct the next estimates by what was counted for a prompt; small prompts say little."""
        if estimated >= 64 and counted > 0:
            old = self._factors.get(model, 1.0)
            self._factors[model] = min(max(old * counted / estimated, 0.5), 6.0)


def was_cut(context: Context, num_ctx: int, counted: int) -> bool:
    """Whether the provider read clearly less than was sent: it drops the oldest messages without a word."""
    return counted >= num_ctx or (context.tokens >= 64 and counted < _CUT_BELOW * context.tokens)


def _size(part: Part) -> int:
    if isinstance(part, ToolCallPart):
        return len(msgspec.json.encode(part.arguments))
    return len(part.text) if part.text.isascii() else len(part.text.encode())


async def fit(
    branch: AsyncIterator[tuple[Message, int]], model: str, num_ctx: int, options: Options, estimator: Estimator
) -> Window:
    """Choose what fits from `branch`: the messages newest first, each with how many are left from it to the root.

    The newest message and the system prompt are always kept. Messages without text are passed over. Reads no further
    than what fits.
    """
    budget = budget_of(num_ctx, options)
    system = PromptMessage("system", (TextPart(options.system),)) if options.system else None
    used = estimator.tokens(model, system) if system else 0
    chosen: list[PromptMessage] = []
    left_out = 0
    async for message, remaining in branch:
        prompt = _prompt(message)
        if prompt is None:
            continue
        tokens = estimator.tokens(model, prompt)
        if chosen and used + tokens > budget:
            left_out = remaining
            break
        chosen.append(prompt)
        used += tokens
    messages = (*((system,) if system else ()), *reversed(chosen))
    return Window(messages, Context(sent=len(chosen), left_out=left_out, budget=budget, tokens=used))


def _prompt(message: Message) -> PromptMessage | None:
    """A message as the model gets it: without thinking, which no model is meant to read again."""
    parts = tuple(part for part in message.parts if not _is_thinking(part) and _size(part))
    return PromptMessage(message.role, parts) if parts else None


def _is_thinking(part: Part) -> bool:
    return part.__struct_config__.tag == "thinking"
