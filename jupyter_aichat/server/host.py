"""What handlers need of the app that they belong to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_aichat.domain.identity import Ending, Identity
from jupyter_aichat.domain.model_rule import EVERY_MODEL, AllowedModels
from jupyter_aichat.domain.principal import Principal
from jupyter_aichat.limits.model_access import ModelAccess
from jupyter_aichat.server.lifecycle import Lifecycle
from jupyter_aichat.server.origins import Origins
from jupyter_aichat.server.proxies import Proxies
from jupyter_aichat.server.uploads import Uploads
from jupyter_aichat.settings import MOST_BYTES

if TYPE_CHECKING:
    from jupyter_aichat.auth.assembly import AccountService
    from jupyter_aichat.metrics.metrics import Metrics
    from jupyter_aichat.tracing.tracing import Tracing

Watch = Callable[[Identity, Callable[[Ending], None]], Callable[[], None]]
"""Calls back once when a credential ends, unless what it returns is called before."""


@dataclass
class Host:
    """The app. ``principal`` is the one owner of a personal server; where there is none, there are accounts.

    There is a ``kernel_token`` from the start of a personal server to its stop. ``metrics_token`` opens the metrics alone.
    Without ``has_api`` nothing is served but how the process is. ``watch`` is there where people log in elsewhere: it knows their credentials.
    ``models`` says which are not for everybody.
    """

    lifecycle: Lifecycle
    principal: Principal | None
    log: logging.Logger
    kernel_token: str | None = None
    proxies: Proxies = field(default_factory=Proxies)
    origins: Origins = field(default_factory=Origins)
    metrics: Metrics | None = None
    metrics_token: str | None = None
    tracing: Tracing | None = None
    json_log: bool = False
    has_api: bool = True
    watch: Watch | None = None
    models: ModelAccess | None = None
    uploads: Uploads = field(default_factory=lambda: Uploads(MOST_BYTES))

    def allowed(self, who: Principal) -> AllowedModels:
        """Return which models somebody may ask."""
        return EVERY_MODEL if self.models is None else self.models.of(who)

    @property
    def has_accounts(self) -> bool:
        """Whether people have accounts here, or it is one person's own server."""
        return self.principal is None

    @property
    def has_logins(self) -> bool:
        """Whether people log in here, so that there are passwords, sessions and tokens of ours."""
        return self.has_accounts and self.watch is None

    @property
    def accounts(self) -> AccountService | None:
        """The accounts, None in a personal server; raises `NotReady` or `StoreUnavailable` while they do not run."""
        return self.lifecycle.accounts if self.has_accounts else None
