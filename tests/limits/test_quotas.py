"""What a quota lets through: whose rules count, what is reserved, what is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from traitlets import TraitError

from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.quota import Quota, period_begins, period_ends
from jupyter_aichat.domain.run import RunRecord
from jupyter_aichat.domain.usage import day_of
from jupyter_aichat.errors import QuotaExceeded
from jupyter_aichat.limits import rulebook
from jupyter_aichat.limits.quotas import Quotas
from tests.limits.ledgers import ADA, People, Used, make_quotas, no_prompt, run_of


async def refusal(quotas: Quotas, record: RunRecord) -> QuotaExceeded | None:
    try:
        await quotas.reserve(record, no_prompt)
    except QuotaExceeded as error:
        return error
    return None


async def allowed(quotas: Quotas, record: RunRecord | None = None) -> bool:
    return await refusal(quotas, record or run_of()) is None


async def test_so_many_tokens_are_reserved_and_no_more() -> None:
    quotas = make_quotas({"tokens_per_day": 350})
    assert [await allowed(quotas) for _ in range(5)] == [True, True, True, False, False]


async def test_what_was_let_go_can_be_reserved_again() -> None:
    quotas = make_quotas({"tokens_per_day": 100})
    first = run_of()
    assert await allowed(quotas, first)
    assert not await allowed(quotas)
    await quotas.settle(first.run.id)
    assert await allowed(quotas)


async def test_what_was_used_counts_in_its_day_and_its_month() -> None:
    used = Used()
    today, month = now(), period_begins("month", now())
    quotas = make_quotas({"tokens_per_day": 1000, "tokens_per_month": 5000}, used=used)
    used.add(4850, day=month if month < day_of(today) else None)
    if month < day_of(today):
        assert await allowed(quotas)
    error = await refusal(quotas, run_of())
    assert error is not None
    assert error.details["quota"] == ("tokens_per_month" if month < day_of(today) else "tokens_per_day")


async def test_seconds_count_as_tokens_do() -> None:
    used = Used()
    quotas = make_quotas({"seconds_per_day": 60}, used=used)
    assert [await allowed(quotas) for _ in range(4)] == [True, True, True, False]
    quotas = make_quotas({"seconds_per_day": 60}, used=used)
    used.add(ms=39_500)
    error = await refusal(quotas, run_of())
    assert error is None
    used.add(ms=20_001)
    error = await refusal(make_quotas({"seconds_per_day": 60}, used=used), run_of())
    assert error is not None
    assert (error.details["quota"], error.details["used"]) == ("seconds_per_day", 60)


async def test_who_is_refused_is_told_what_and_until_when() -> None:
    used = Used()
    used.add(350, model="fake/big")
    error = await refusal(make_quotas({"model": "big", "tokens_per_day": 400}, used=used), run_of("big"))
    assert error is not None
    ends = period_ends("day", now())
    wait_s = error.details.pop("retry_after")
    assert isinstance(wait_s, int)
    assert 0 <= wait_s - (ends - now()).total_seconds() <= 1
    assert error.details == {
        "quota": "tokens_per_day", "model": "big", "limit": 400, "used": 350,
        "resets_at": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    assert "400 tokens a day of big" in error.message


async def test_where_answers_under_way_may_leave_enough_one_tries_again_soon() -> None:
    quotas = make_quotas({"tokens_per_month": 150})
    assert await allowed(quotas)
    error = await refusal(quotas, run_of())
    assert error is not None
    assert error.details["retry_after"] == 5


async def test_the_first_answer_is_never_too_long_and_nothing_is_nothing() -> None:
    quotas = make_quotas({"tokens_per_day": 50})
    assert await allowed(quotas, run_of(num_predict=None))
    assert not await allowed(quotas)
    assert not await allowed(make_quotas({"tokens_per_day": 0}))
    assert not await allowed(make_quotas({"seconds_per_month": 0}))


async def test_the_prompt_counts_and_is_asked_for_only_where_there_is_a_bound() -> None:
    asked = 0

    async def long_prompt() -> int:
        nonlocal asked
        asked += 1
        return 300

    quotas = make_quotas({"model": "m", "tokens_per_day": 700})
    await quotas.reserve(run_of("other"), long_prompt)
    assert asked == 0
    await quotas.reserve(run_of(), long_prompt)
    with pytest.raises(QuotaExceeded):
        await quotas.reserve(run_of(), long_prompt)
    assert asked == 2


# Whose quotas


async def test_of_rules_with_one_pattern_the_first_that_is_for_a_person_counts() -> None:
    people = People()
    rules: tuple[dict[str, object], ...] = (
        {"user": "eve", "tokens_per_day": 0}, {"role": "admin"}, {"user": "A*", "tokens_per_day": 100}, {"tokens_per_day": 0},
    )  # fmt: skip
    quotas = make_quotas(*rules, people=people)
    assert [await allowed(quotas) for _ in range(2)] == [True, False]
    people.ada = msgspec.structs.replace(people.ada, roles=("user", "admin"))
    quotas = make_quotas(*rules, people=people)
    assert [await allowed(quotas) for _ in range(9)] == [True] * 9
    assert not await allowed(make_quotas(*rules), run_of(owner=OwnerId("gone")))


async def test_a_rule_may_be_for_groups_and_bounds_each_of_their_members() -> None:
    people = People()
    rules: tuple[dict[str, object], ...] = (
        {"group": "Class-*", "tokens_per_day": 200}, {"group": "lab", "role": "admin"}, {"tokens_per_day": 100},
    )  # fmt: skip

    async def count(*groups: str, roles: tuple[str, ...] = ("user",)) -> int:
        people.ada = msgspec.structs.replace(people.ada, groups=groups, roles=roles)
        quotas = make_quotas(*rules, people=people)
        return sum([await allowed(quotas) for _ in range(9)])

    assert await count() == await count("lab") == await count("my class-1") == 1
    assert await count("class-1") == await count("a", "class-2", "lab") == 2
    assert await count("lab", roles=("user", "admin")) == 9


async def test_rules_with_different_patterns_all_count() -> None:
    quotas = make_quotas({"model": "m", "tokens_per_day": 200}, {"model": "fake/*", "tokens_per_day": 300})
    assert [await allowed(quotas) for _ in range(3)] == [True, True, False]
    assert [await allowed(quotas, run_of("other")) for _ in range(2)] == [True, False]


async def test_a_persons_own_quotas_go_before_and_hold_soon_after_they_were_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = People()
    quotas = make_quotas({"tokens_per_day": 0}, {"model": "big", "tokens_per_day": 0}, people=people)
    assert not await allowed(quotas)
    people.ada = msgspec.structs.replace(people.ada, quotas=(Quota(tokens_per_day=100), Quota("big", tokens_per_day=1)))
    assert not await allowed(quotas)
    assert people.asked == 1
    monkeypatch.setattr(rulebook, "_FRESH_S", 0)
    assert [await allowed(quotas) for _ in range(2)] == [True, False]
    people.ada = msgspec.structs.replace(people.ada, quotas=(Quota(),))
    assert [await allowed(quotas) for _ in range(9)] == [True] * 9
    assert not await allowed(quotas, run_of("big"))


@pytest.mark.parametrize(
    "rule",
    [
        {"tokens_per_week": 1},
        {"tokens_per_day": -1},
        {"tokens_per_day": "many"},
        {"seconds_per_day": 1.5},
        {"model": ""},
        {"models": "*"},
    ],
)
def test_a_rule_that_means_nothing_is_refused_at_the_start(rule: dict[str, object]) -> None:
    with pytest.raises(TraitError, match=r"Quotas\.rules"):
        Quotas(rules=[{"tokens_per_day": 1}, rule])


# What is told


async def test_a_person_is_told_what_is_used() -> None:
    used = Used()
    used.add(70, ms=1500, model="fake/m")
    used.add(30, model="fake/other")
    used.add(1000, model="fake/m", day="2000-01-01")
    quotas = make_quotas(
        {"tokens_per_day": 100, "seconds_per_month": 60}, {"model": "m", "tokens_per_month": 200}, used=used
    )
    assert [(each.model, each.quota, each.used, each.limit) for each in await quotas.standing(ADA)] == [
        ("*", "tokens_per_day", 100, 100), ("*", "seconds_per_month", 2, 60), ("m", "tokens_per_month", 70, 200),
    ]  # fmt: skip
    assert await Quotas().standing(ADA) == ()


@pytest.mark.parametrize(
    ("at", "day", "month"),
    [
        ("2026-11-25T12:00:00+00:00", ("2026-11-25", "2026-11-26"), ("2026-11-01", "2026-12-01")),
        ("2026-12-31T23:59:59+00:00", ("2026-12-31", "2027-01-01"), ("2026-12-01", "2027-01-01")),
        ("2026-12-31T23:59:59-05:00", ("2027-01-01", "2027-01-02"), ("2027-01-01", "2027-02-01")),
        ("2028-01-31T00:00:00+00:00", ("2028-01-31", "2028-02-01"), ("2028-01-01", "2028-02-01")),
    ],
)
def test_periods_are_those_of_utc(at: str, day: tuple[str, str], month: tuple[str, str]) -> None:
    when = datetime.fromisoformat(at)
    assert (period_begins("day", when), period_ends("day", when).date().isoformat()) == day
    assert (period_begins("month", when), period_ends("month", when).date().isoformat()) == month
    assert period_ends("day", when).tzinfo is UTC
    assert period_ends("day", when) - when <= timedelta(days=1)
