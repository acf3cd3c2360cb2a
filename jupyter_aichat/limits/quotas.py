"""Quotas: what a person may use of the models in a day and in a month, reserved before an answer and settled after it.

What was used stands in the store, written in one transaction with the end of each run. What runs under way will use is
held in the cache, for all processes together: estimated, and for a time that their process keeps renewing.

    reserve: hold ─ read what was used ─ used + held before us + ours within the bounds? ─ no: let go, `QuotaExceeded`
    settle:  the run's end, with what it really used, is written ─ let go

A run is always in at least one of the two, since a reservation holds before it reads and an end is written before it lets
go; and each reservation sees those before it. So many at once cannot together pass a bound. Nothing needs to be rebuilt
when the cache was emptied: what it had forgotten is held again with the next renewal.

Who has half of every bound left, and enough for a hundred answers, is judged by what was used up to two seconds ago, without a
question to the store: to pass a bound by that, a hundred answers would have to begin and end in these seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec
from traitlets import Bool, Dict, Float, Int, List, TraitError, validate
from traitlets.config import LoggingConfigurable

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, RunId
from jupyter_aichat.domain.page import Page
from jupyter_aichat.domain.quota import Quota, QuotaRule, QuotaStanding, period_begins
from jupyter_aichat.domain.run import RunRecord
from jupyter_aichat.domain.usage import UsageQuery, UsageRecord
from jupyter_aichat.errors import AIChatError, NotFound
from jupyter_aichat.limits.bounds import check, is_far, standings
from jupyter_aichat.limits.holds import Amounts, Holds
from jupyter_aichat.limits.rulebook import Rulebook
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.usage import UsageStore

LATELY_S = 2.0
_MOST_KNOWN = 10_000


class _Used(msgspec.Struct, frozen=True):
    """What somebody had used this month at a time."""

    at: datetime
    used: Sequence[UsageRecord]


class Ledger(msgspec.Struct, frozen=True):
    """What quotas are made of."""

    cache: Cache
    usage: UsageStore
    accounts: AccountStore


class Quotas(LoggingConfigurable):
    """Who may have another answer.

    Parameters
    ----------
    ledger
        None in a server of one person, who has no quotas and whose use is not written down.
    """

    rules = List(
        Dict(),
        help="Quotas by person and model, such as [{'role': 'admin'}, {'tokens_per_day': 200000}, {'model': 'llama3.3:70b', "
        "'seconds_per_month': 3600}]. A rule has a `model` (a pattern of `provider/model` or `model`; default '*'), a `role`, a "
        "`user` (a pattern of user names), a `group` (one of groups' names: `jupyter aichat users group`), and any of `tokens_per_day`, `tokens_per_month`, `seconds_per_day` and "
        "`seconds_per_month`, in days and months of UTC. Of the rules with the same `model` the first that is for a person counts; "
        "rules with different ones all count. What an administrator sets for one person goes before.",
    ).tag(config=True)  # fmt: skip
    reply_tokens = Int(
        512, min=1, help="Tokens that are reserved for an answer whose length (num_predict) was not bounded."
    ).tag(config=True)
    reply_seconds = Float(20.0, min=0, help="Seconds of generation that are reserved for an answer.").tag(config=True)
    counts_alone = Bool(
        True,
        help="While Redis is away each process knows what was used, from the store, but of the answers under way only its own, "
        "so that a quota may be passed by as much as the other processes write meanwhile. False: who has a quota is refused then.",
    ).tag(config=True)

    def __init__(self, ledger: Ledger | None = None, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._ledger = ledger
        if ledger is not None:
            self._rulebook = Rulebook(msgspec.convert(self.rules, list[QuotaRule]), ledger.accounts)
            self._holds = Holds(ledger.cache, alone=self.counts_alone)
            self._lately: dict[OwnerId, _Used] = {}

    @validate("rules")
    def _check_rules(self, proposal: Mapping[str, object]) -> object:
        try:
            msgspec.convert(proposal["value"], list[QuotaRule])
        except msgspec.ValidationError as error:
            raise TraitError(f"Quotas.rules cannot be used: {error}") from None
        return proposal["value"]

    @property
    def charges(self) -> bool:
        """Whether what runs use is written down."""
        return self._ledger is not None

    def start(self) -> None:
        """Begin to renew what is held."""
        if self._ledger is not None:
            self._holds.start()

    async def stop(self) -> None:
        """Renew nothing any more."""
        if self._ledger is not None:
            await self._holds.stop()

    # Before and after a run

    async def reserve(self, record: RunRecord, prompt_tokens: Callable[[], Awaitable[int]]) -> None:
        """Hold what a run may need until `settle`, or raise `QuotaExceeded`; asks for its prompt only where there is a bound."""
        if self._ledger is None or not record.generation.provider:
            return
        owner, run_id = record.owner_id, record.run.id
        quotas = await self._of(record)
        if not quotas:
            return
        amounts = self._amounts(record, await prompt_tokens())
        before = await self._holds.hold(run_id, owner, amounts)
        try:
            at = now()
            if self._is_far(quotas, owner, before, amounts, at):
                return
            used = await self._look(owner, at)
            for quota in quotas:
                check(quota, used, before, amounts, at)
        except BaseException:
            await self._holds.let_go(run_id)
            raise

    def _is_far(self, quotas: Sequence[Quota], owner: OwnerId, before: Amounts, amounts: Amounts, at: datetime) -> bool:
        """Whether somebody is so far from all bounds that what was known a moment ago decides."""
        lately = self._lately.get(owner)
        if lately is None or not 0 <= (at - lately.at).total_seconds() < LATELY_S or lately.at.month != at.month:
            return False
        return all(is_far(quota, lately.used, before, amounts, at) for quota in quotas)

    async def _look(self, owner: OwnerId, at: datetime) -> Sequence[UsageRecord]:
        """Read what somebody used this month."""
        assert self._ledger is not None
        used = await self._ledger.usage.used(owner, period_begins("month", at))
        if len(self._lately) >= _MOST_KNOWN:
            self._lately.clear()
        self._lately[owner] = _Used(at, used)
        return used

    async def adopt(self, record: RunRecord) -> None:
        """Hold for a run that another process began; it is never refused."""
        if self._ledger is not None:
            with suppress(AIChatError):  # then it counts when it has ended
                if await self._of(record):
                    await self._holds.hold(record.run.id, record.owner_id, self._amounts(record, 0))

    async def settle(self, run_id: RunId) -> None:
        """Let go of what was held for a run: what it used is written down, or it used nothing."""
        if self._ledger is not None:
            await self._holds.let_go(run_id)

    def hand_over(self, run_id: RunId) -> None:
        """Leave what is held for a run to the process that goes on with it."""
        if self._ledger is not None:
            self._holds.leave(run_id)

    async def _of(self, record: RunRecord) -> list[Quota]:
        return [quota for quota in await self._rulebook.of(record.owner_id) if quota.fits(model_of(record))]

    def _amounts(self, record: RunRecord, prompt_tokens: int) -> Amounts:
        model, asked = model_of(record), record.generation.options.num_predict
        return {
            f"tokens {model}": prompt_tokens + (asked or self.reply_tokens),
            f"seconds {model}": round(self.reply_seconds * 1000),
        }

    # What was used

    async def standing(self, owner: OwnerId) -> tuple[QuotaStanding, ...]:
        """Return how much of each of a person's bounds is used."""
        if self._ledger is None:
            return ()
        quotas = await self._rulebook.of(owner)
        if not quotas:
            return ()
        at = now()
        used = await self._ledger.usage.used(owner, period_begins("month", at))
        return tuple(each for quota in quotas for each in standings(quota, used, at))

    async def usage(self, query: UsageQuery) -> Page[UsageRecord]:
        """Return a page of what was used, of one owner or, for administrators, all."""
        if self._ledger is None:
            raise NotFound
        return await self._ledger.usage.list_usage(query)


def model_of(record: RunRecord) -> str:
    """Return what quotas and usage call a run's model: its name after its provider's."""
    return f"{record.generation.provider}/{record.generation.model}"
