"""How the processes of one service divide their work: who answers requests, who asks the models, and how questions pass over."""

from __future__ import annotations

import logging
from collections.abc import Callable

from jupyter_aichat.bus.base import Bus, Unsubscribe
from jupyter_aichat.cache.base import Cache
from jupyter_aichat.domain.ids import InstanceId, RunId
from jupyter_aichat.domain.process import Roles
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.claiming import Claiming
from jupyter_aichat.engine.generation import LET_GO
from jupyter_aichat.engine.models import Catalogue
from jupyter_aichat.engine.observer import Observer
from jupyter_aichat.engine.offering import Offering
from jupyter_aichat.engine.offers import TAKEN
from jupyter_aichat.engine.processes import Processes
from jupyter_aichat.engine.published import Publisher
from jupyter_aichat.engine.takeover import Takeover
from jupyter_aichat.engine.window import Estimator
from jupyter_aichat.engine.workers import Workers
from jupyter_aichat.limits.quotas import Quotas
from jupyter_aichat.stores.base import Store


class Division:
    """What a process does for the others by its roles.

    ``offering`` is there where it asks no model itself, and stands for the generator. `start` comes when the runs of this
    process have their workers.
    """

    def __init__(
        self,
        *,
        instance: InstanceId,
        roles: Roles,
        store: Store,
        bus: Bus,
        cache: Cache,
        catalogue: Catalogue,
        admission: Admission,
        quotas: Quotas,
        estimator: Estimator,
        observer: Observer,
        runs: Callable[[], int],
        log: logging.Logger,
    ) -> None:
        self._id, self._roles, self._store, self._bus, self._log = instance, roles, store, bus, log
        self._catalogue, self._admission, self._quotas = catalogue, admission, quotas
        self.processes = Processes(instance, roles, bus, runs, log)
        self.offering: Offering | None = None
        if "worker" not in roles:
            self.offering = Offering(
                instance=instance,
                store=store,
                bus=bus,
                admission=admission,
                quotas=quotas,
                estimator=estimator,
                processes=self.processes,
                observer=observer,
                log=log,
            )
        self._publisher = Publisher(catalogue, cache, roles, self.processes, log)
        self._claiming: Claiming | None = None
        self._unsubscribe: Unsubscribe | None = None

    @property
    def unclaimed(self) -> int:
        """How many runs of this process nobody has taken yet."""
        return 0 if self.offering is None else self.offering.waiting

    def start(self, workers: Workers, takeover: Takeover) -> None:
        """Hear of the others, and take what they offer, or offer."""
        self.processes.start()
        if self.offering is not None:
            self._unsubscribe = self._bus.subscribe(TAKEN, lambda payload: _let_go(workers, payload))
            return
        self._publisher.start()
        self._claiming = Claiming(
            instance=self._id,
            roles=self._roles,
            store=self._store,
            bus=self._bus,
            catalogue=self._catalogue,
            admission=self._admission,
            quotas=self._quotas,
            workers=workers,
            takeover=takeover,
            processes=self.processes,
            log=self._log,
        )
        self._claiming.start()

    async def stop(self) -> None:
        """Take nothing more, and tell nothing."""
        if self._claiming is not None:
            await self._claiming.stop()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        await self._publisher.stop()
        await self.processes.stop()


def _let_go(workers: Workers, payload: bytes) -> None:
    workers.end(RunId(payload.decode()), LET_GO)
