"""What a person may use of the models, by day and by calendar month, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from jupyter_aichat.domain.pattern import Pattern, fits_model, fits_person

Unit = Literal["tokens", "seconds"]
Period = Literal["day", "month"]

_BOUNDS: tuple[tuple[str, Unit, Period], ...] = (
    ("tokens_per_day", "tokens", "day"),
    ("tokens_per_month", "tokens", "month"),
    ("seconds_per_day", "seconds", "day"),
    ("seconds_per_month", "seconds", "month"),
)

Most = Annotated[int, Meta(ge=0, le=2**53)]


class Bound(msgspec.Struct, frozen=True):
    """One bound of a quota, by its name: at most so many of a unit in a period."""

    name: str
    unit: Unit
    period: Period
    most: int


class Quota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on what one person uses of all models together that a pattern fits; None is no bound.

    A pattern is one of `provider/model` or of `model`: ``*``, ``ollama/*``, ``llama3.3:70b``.
    """

    model: Pattern = "*"
    tokens_per_day: Most | None = None
    tokens_per_month: Most | None = None
    seconds_per_day: Most | None = None
    seconds_per_month: Most | None = None

    def fits(self, model: str) -> bool:
        """Whether it is about a model, which is named with its provider."""
        provider, _, name = model.partition("/")
        return fits_model(self.model, name, provider)

    def bounds(self) -> tuple[Bound, ...]:
        """Return the bounds that there are."""
        return _bounds(self.tokens_per_day, self.tokens_per_month, self.seconds_per_day, self.seconds_per_month)


class QuotaRule(Quota, frozen=True, forbid_unknown_fields=True):
    """A quota for those who have a role, whose user name fits a pattern, and who are in a group that fits one."""

    role: str = "*"
    user: Pattern = "*"
    group: Pattern = "*"

    def concerns(self, folded_name: str, roles: tuple[str, ...], groups: tuple[str, ...] = ()) -> bool:
        """Whether it is for this person."""
        return fits_person(folded_name, roles, groups, user=self.user, role=self.role, group=self.group)


class QuotaStanding(msgspec.Struct, frozen=True):
    """How much of one bound is used; ``quota`` is its name (``tokens_per_day`` …), ``resets_at`` when it begins anew."""

    model: str
    quota: str
    limit: int
    used: int
    resets_at: datetime


@lru_cache(maxsize=1000)
def _bounds(*most: int | None) -> tuple[Bound, ...]:
    """The bounds of a quota, by what it says of each: asked for at each question."""
    return tuple(Bound(*named, each) for named, each in zip(_BOUNDS, most, strict=True) if each is not None)


def period_begins(period: Period, at: datetime) -> str:
    """Return the first day of the period around a time."""
    day = at.astimezone(UTC).date()
    return (day if period == "day" else day.replace(day=1)).isoformat()


def period_ends(period: Period, at: datetime) -> datetime:
    """Return the moment when the next period begins."""
    day = at.astimezone(UTC).date()
    after = day + timedelta(days=1) if period == "day" else (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return datetime.combine(after, time(), UTC)
