"""Quotas on usage and accounts that a test writes itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import ChatId, InstanceId, MessageId, OwnerId, RunId, new_id
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.page import Page
from jupyter_aichat.domain.run import Generation, Run, RunRecord
from jupyter_aichat.domain.usage import UsageQuery, UsageRecord, day_of
from jupyter_aichat.limits.quotas import Ledger, Quotas
from jupyter_aichat.stores.accounts import AccountStore

ADA = OwnerId("ada")
Rule = dict[str, object]


class Used:
    """What was used, in memory."""

    def __init__(self) -> None:
        self.records: list[UsageRecord] = []

    def add(self, tokens: int = 0, ms: int = 0, model: str = "fake/m", day: str | None = None) -> None:
        self.records.append(UsageRecord(ADA, day or day_of(now()), model, tokens, 0, ms, 1))

    async def used(self, owner: OwnerId, since: str) -> tuple[UsageRecord, ...]:
        return tuple(each for each in self.records if each.owner_id == owner and each.day >= since)

    async def list_usage(self, query: UsageQuery) -> Page[UsageRecord]:
        return Page(tuple(self.records))


class People:
    """Ada, and nobody else."""

    def __init__(self) -> None:
        at = now()
        self.ada = Account(ADA, "Ada", "ada", "Ada", at, at)
        self.asked = 0

    async def accounts(self, owners: Sequence[OwnerId]) -> tuple[Account, ...]:
        self.asked += 1
        return (self.ada,) if ADA in owners else ()


def make_quotas(
    *rules: Rule, cache: Cache | None = None, used: Used | None = None, people: People | None = None, alone: bool = True
) -> Quotas:
    ledger = Ledger(cache or LocalCache(), used or Used(), cast("AccountStore", people or People()))
    return Quotas(ledger, rules=list(rules), counts_alone=alone)


def run_of(model: str = "m", num_predict: int | None = 100, owner: OwnerId = ADA) -> RunRecord:
    run = Run(RunId(new_id()), ChatId("c"), MessageId("x"), "loading")
    generation = Generation("fake", model, msgspec.structs.replace(Options(), num_predict=num_predict))
    return RunRecord(run, owner, generation, InstanceId("here"), 1)


async def no_prompt() -> int:
    return 0
