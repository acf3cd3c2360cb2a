"""One sweep over all accounts, which deletes the chats that are kept no longer.

It asks for a few chats at once, deletes one after the other as their owners would, and rests as long as it worked, so that it has
at most half of one connection. Two sweeps at once do no harm: a chat is deleted once, and only if it is outdated still.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import msgspec

from jupyter_aichat.domain.account import Account, AccountQuery
from jupyter_aichat.domain.audit import Action, AuditRecord
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, new_id
from jupyter_aichat.domain.retention import Outdated, RetentionRules
from jupyter_aichat.engine.clearing import clear
from jupyter_aichat.engine.deleting import Deleting
from jupyter_aichat.engine.rest import Rest
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.base import Store

RETENTION = OwnerId("retention")
"""Who deletes, in the audit."""

_ACCOUNTS_AT_ONCE = 200
_CHATS_AT_ONCE = 100


class Expired(msgspec.Struct, frozen=True):
    """How many chats of an account were deleted, or would be, because they are kept for so many days."""

    account: Account
    days: int
    chats: int


class Expiring:
    """Deletes what is outdated.

    Parameters
    ----------
    noted
        Called with each action that is written into the audit.
    """

    def __init__(
        self,
        store: Store,
        accounts: AccountStore,
        deleting: Deleting,
        noted: Callable[[Action], None] = lambda _: None,
    ) -> None:
        self._store, self._accounts, self._deleting, self._noted = store, accounts, deleting, noted

    async def sweep(self, rules: RetentionRules, *, dry: bool = False) -> AsyncGenerator[Expired, None]:
        """Delete what is outdated by the rules, or count it alone where that is `dry`; yield the accounts that had some."""
        if not rules.any:
            return
        rest, query = Rest(), AccountQuery(limit=_ACCOUNTS_AT_ONCE)
        while True:
            page = await self._accounts.list_accounts(query)
            for account in page.items:
                days, outdated = rules.days_of(account.groups), rules.outdated(account.groups, now())
                if days is None or outdated is None:
                    continue
                if dry:
                    count = len(await self._store.outdated_chats(account.id, outdated))
                else:
                    count = await self._expire(account.id, outdated, days, rest)
                await rest.take()
                if count:
                    yield Expired(account, days, count)
            if page.next is None:
                break
            query = msgspec.structs.replace(query, cursor=page.next)
        if not dry:
            await clear(self._store)  # also where no engine runs, which would do it

    async def _expire(self, owner: OwnerId, outdated: Outdated, days: int, rest: Rest) -> int:
        """Delete an owner's chats, and write down how many, also where that was cut off."""
        count = 0
        try:
            while True:
                chats = await self._store.outdated_chats(owner, outdated, _CHATS_AT_ONCE)
                for chat_id in chats:
                    with suppress(NotFound):  # it was changed meanwhile, or somebody else deleted it
                        await self._deleting.delete(owner, chat_id, only=outdated)
                        count += 1
                    await rest.take()
                if len(chats) < _CHATS_AT_ONCE:
                    return count
        finally:
            if count:
                await self._note(owner, count, days)

    async def _note(self, owner: OwnerId, count: int, days: int) -> None:
        details = {"chats": str(count), "days": str(days)}
        record = AuditRecord(new_id(), now(), "chats_expired", RETENTION, owner, details=details)
        await self._accounts.append_audit(record)
        self._noted("chats_expired")
