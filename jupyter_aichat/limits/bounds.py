"""Whether an answer is within a quota, and what is told of it: arithmetic on what was used and what is held."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from jupyter_aichat.domain.quota import Bound, Quota, QuotaStanding, period_begins, period_ends
from jupyter_aichat.domain.usage import UsageRecord
from jupyter_aichat.errors import QuotaExceeded
from jupyter_aichat.limits.holds import Amounts

_SOON_S = 5
_MANY = 100


def check(quota: Quota, used: Sequence[UsageRecord], before: Amounts, ours: Amounts, at: datetime) -> None:
    """Raise `QuotaExceeded` where an answer that may need `ours` would pass a bound.

    `used` are the records of the month, `before` what answers under way hold.
    """
    for bound in quota.bounds():
        most = bound.most * (1000 if bound.unit == "seconds" else 1)
        spent = _spent(quota, bound, used, at)
        wanted = max(min(_matching(quota, bound, ours), most), 1)  # the first answer of a period is never too long
        if spent + _matching(quota, bound, before) + wanted > most:
            raise _exceeded(quota, bound, spent, at, soon=spent + wanted <= most)


def is_far(quota: Quota, used: Sequence[UsageRecord], before: Amounts, ours: Amounts, at: datetime) -> bool:
    """Whether half of each bound is left, and that is enough for a hundred answers as this one: see `check`."""
    for bound in quota.bounds():
        most = bound.most * (1000 if bound.unit == "seconds" else 1)
        wanted = _matching(quota, bound, ours)
        left = most - _spent(quota, bound, used, at) - _matching(quota, bound, before) - wanted
        if left < max(most / 2, _MANY * wanted):
            return False
    return True


def standings(quota: Quota, used: Sequence[UsageRecord], at: datetime) -> Iterator[QuotaStanding]:
    """Return how much of each bound is used."""
    for bound in quota.bounds():
        spent = _shown(bound, _spent(quota, bound, used, at))
        yield QuotaStanding(quota.model, bound.name, bound.most, spent, period_ends(bound.period, at))


def _exceeded(quota: Quota, bound: Bound, spent: int, at: datetime, *, soon: bool) -> QuotaExceeded:
    """What is told; `soon` where answers that are being written may leave enough."""
    resets_at = period_ends(bound.period, at)
    what = f"{bound.most:,} {bound.unit} a {bound.period}" + ("" if quota.model == "*" else f" of {quota.model}")
    shown = _shown(bound, spent)
    until, wait_s = f"{resets_at:%Y-%m-%d %H:%M} UTC", max(math.ceil((resets_at - at).total_seconds()), 1)
    if soon:
        message, wait_s = f"What is left of your {what} is reserved for answers that are being written.", _SOON_S
    elif shown < bound.most:
        message = (
            f"Of your {what} {bound.most - shown:,} are left, fewer than this may need; there are more at {until}."
        )
    else:
        message = f"Your {what} are used up; there are more at {until}."
    return QuotaExceeded(
        message,
        quota=bound.name, model=quota.model, limit=bound.most, used=shown,
        resets_at=resets_at.isoformat().replace("+00:00", "Z"), retry_after=wait_s,
    )  # fmt: skip


def _spent(quota: Quota, bound: Bound, records: Iterable[UsageRecord], at: datetime) -> int:
    """Tokens or milliseconds used in the present period of the models that a quota is about."""
    begin, sum_ = period_begins(bound.period, at), 0
    for each in records:
        if each.day >= begin and quota.fits(each.model):
            sum_ += each.tokens if bound.unit == "tokens" else each.ms
    return sum_


def _matching(quota: Quota, bound: Bound, amounts: Amounts) -> int:
    """The sum of amounts in a bound's unit, of the models that its quota is about."""
    sum_ = 0
    for name, amount in amounts.items():
        unit, _, model = name.partition(" ")
        if unit == bound.unit and quota.fits(model):
            sum_ += amount
    return sum_


def _shown(bound: Bound, amount: int) -> int:
    return math.ceil(amount / 1000) if bound.unit == "seconds" else amount
