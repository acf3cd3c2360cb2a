"""What an answer cost."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Token counts and durations (milliseconds) of a run, as far as the provider told them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_ms: int | None = None
    load_ms: int | None = None
    first_token_ms: int | None = None
    tokens_per_second: float | None = None
    cached: bool = False
    """The answer was given before; the counts are those of then."""
