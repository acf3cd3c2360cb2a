"""What answers cost: one answer, and a person's by day and model."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from jupyter_aichat.domain.ids import OwnerId


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


class Charge(msgspec.Struct, frozen=True):
    """What a run adds to its owner's account of a day: tokens, and milliseconds of generation.

    ``day`` is a date in UTC, ``model`` begins with the provider's name (``ollama/llama3.2:3b``).
    """

    day: str
    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    ms: int = 0


class UsageRecord(msgspec.Struct, frozen=True):
    """What an owner used of a model on a day, over so many runs."""

    owner_id: OwnerId
    day: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    ms: int
    runs: int

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.prompt_tokens + self.completion_tokens


class UsageQuery(msgspec.Struct, frozen=True):
    """Which records: of one owner or all, between two days (both included)."""

    owner_id: OwnerId | None = None
    since: str = ""
    until: str = "9999-12-31"
    cursor: str | None = None
    limit: int = 100


def day_of(at: datetime) -> str:
    """Return the day in UTC that a time belongs to."""
    return at.astimezone(UTC).date().isoformat()
