"""Writes the audit: who did what, and from where. What a person typed never goes in, but ids and words of ours."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_aichat.domain.audit import Action, AuditRecord
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, new_id
from jupyter_aichat.stores.accounts import AccountStore


class Audit:
    """Appends to the audit of a store.

    Parameters
    ----------
    noted
        Called with each action, once it is written.
    """

    def __init__(self, store: AccountStore, noted: Callable[[Action], None] = lambda _: None) -> None:
        self._store, self._noted = store, noted

    async def note(
        self,
        action: Action,
        *,
        actor: OwnerId | None = None,
        subject: OwnerId | None = None,
        address: str = "",
        **details: str,
    ) -> None:
        """Write down what was done."""
        await self._store.append_audit(AuditRecord(new_id(), now(), action, actor, subject, address, details))
        self._noted(action)
