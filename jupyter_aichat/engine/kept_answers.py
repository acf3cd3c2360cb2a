"""What is kept of an answer, and how it becomes a stream again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.providers.base import Chunk, FinishedChunk, Hear, TextChunk, ThinkingChunk

_PIECE = 16_384


class KeptAnswer(msgspec.Struct, frozen=True, array_like=True):
    """Its text and thinking, neighbours joined, and what it cost then."""

    parts: tuple[tuple[Literal["text", "thinking"], str], ...]
    reason: str
    prompt_tokens: int | None
    completion_tokens: int | None


def kept_of(chunks: Sequence[Chunk]) -> KeptAnswer | None:
    """Return what is kept of an answer: nothing of one that is unfinished, empty, or asks for tools."""
    finished = chunks[-1] if chunks else None
    if not isinstance(finished, FinishedChunk) or finished.reason != "stop":
        return None
    parts: list[tuple[Literal["text", "thinking"], str]] = []
    for chunk in chunks[:-1]:
        if not isinstance(chunk, TextChunk | ThinkingChunk):
            return None
        kind: Literal["text", "thinking"] = "text" if isinstance(chunk, TextChunk) else "thinking"
        if parts and parts[-1][0] == kind:
            parts[-1] = (kind, parts[-1][1] + chunk.text)
        else:
            parts.append((kind, chunk.text))
    if not any(kind == "text" and text for kind, text in parts):
        return None
    return KeptAnswer(tuple(parts), finished.reason, finished.usage.prompt_tokens, finished.usage.completion_tokens)


async def replay(kept: KeptAnswer, hear: Hear) -> None:
    """Give a kept answer as a provider would."""
    for kind, text in kept.parts:
        made = TextChunk if kind == "text" else ThinkingChunk
        for begin in range(0, len(text), _PIECE):
            hear((made(text[begin : begin + _PIECE]),))
    usage = Usage(prompt_tokens=kept.prompt_tokens, completion_tokens=kept.completion_tokens, cached=True)
    hear((FinishedChunk(kept.reason, usage),))
