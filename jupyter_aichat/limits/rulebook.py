"""Which quotas a person has: their own, then the service's rules."""

from __future__ import annotations

import time
from collections.abc import Sequence

from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.quota import Quota, QuotaRule
from jupyter_aichat.stores.accounts import AccountStore

_FRESH_S = 2.0
_MOST_KNOWN = 10_000


class Rulebook:
    """The quotas of everybody; what an administrator changed holds after two seconds."""

    def __init__(self, rules: Sequence[QuotaRule], accounts: AccountStore) -> None:
        self._rules, self._accounts = tuple(rules), accounts
        self._known: dict[OwnerId, tuple[float, tuple[Quota, ...]]] = {}

    async def of(self, owner: OwnerId) -> tuple[Quota, ...]:
        """Return those quotas of a person that have a bound."""
        at = time.monotonic()
        known = self._known.get(owner)
        if known is not None and at - known[0] < _FRESH_S:
            return known[1]
        accounts = await self._accounts.accounts([owner])
        quotas = tuple(quota for quota in self._chosen(accounts[0] if accounts else None) if any(quota.bounds()))
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[owner] = (at, quotas)
        return quotas

    def _chosen(self, account: Account | None) -> Sequence[Quota]:
        """For each pattern of models the first quota that is for this person."""
        who = (account.folded_name, account.roles, account.groups) if account else ("", ("user",), ())
        chosen: dict[str, Quota] = {}
        for quota in (*(account.quotas if account else ()), *(r for r in self._rules if r.concerns(*who))):
            chosen.setdefault(quota.model, quota)
        return tuple(chosen.values())
