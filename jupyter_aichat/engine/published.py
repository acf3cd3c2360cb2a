"""The models as those processes know them that have no way to a model server: workers publish what they see, in the cache."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.model import Model, ProviderState
from jupyter_aichat.domain.process import Roles
from jupyter_aichat.engine.models import Catalogue, Listed
from jupyter_aichat.engine.processes import Processes
from jupyter_aichat.errors import AIChatError, CacheUnavailable, ProviderUnreachable
from jupyter_aichat.logs.context import nobodys

MODELS, STATES = "published:models", "published:states"
PUBLISH_S = 2.0
STATES_KEPT_S = 10.0
MODELS_KEPT_S = 86_400.0
"""Longer than workers are away: what they had is what they will have, and questions can be put into its line."""
NO_WORKER = "Nothing that asks the models is there at the moment. Questions are kept, and answered when it is back."


class _Known(msgspec.Struct, frozen=True):
    """What workers have, and how many answers of each are written at once: by that lines are bounded."""

    models: tuple[Model, ...] = ()
    parallel: Mapping[str, int | None] = {}


_known_decoder = msgspec.json.Decoder(_Known)
_states_decoder = msgspec.json.Decoder(tuple[ProviderState, ...])


class PublishedCatalogue(Catalogue):
    """What the workers have on offer."""

    def __init__(self, cache: Cache, default_model: str, log: logging.Logger) -> None:
        super().__init__((), cache, default_model, log)
        self._parallel: Mapping[str, int | None] = {}

    def parallel(self, name: str, model: str) -> int | None:
        """See `Catalogue.parallel`; as workers said."""
        return self._parallel.get(f"{name}/{model}", self._parallel.get(name))

    async def _listed(self) -> Listed:
        try:
            known, states = await asyncio.gather(self._cache.get(MODELS), self._cache.get(STATES))
            found = _Known(self._models, self._parallel) if known is None else _known_decoder.decode(known)
            self._parallel = found.parallel
            return found.models, _nobody() if states is None else _states_decoder.decode(states)
        except (CacheUnavailable, msgspec.DecodeError):  # away, or another version of us wrote it
            return self._models, self._states or _nobody()


def _nobody() -> tuple[ProviderState, ...]:
    return (ProviderState("worker", "unreachable", Failure(ProviderUnreachable.code, NO_WORKER)),)


class Publisher:
    """Publishes what a worker sees, as long as there are processes that see nothing themselves."""

    def __init__(
        self, catalogue: Catalogue, cache: Cache, roles: Roles, processes: Processes, log: logging.Logger
    ) -> None:
        self._catalogue, self._cache, self._processes, self._log = catalogue, cache, processes, log
        self._alone = "api" not in roles
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._publish_on(), name="aichat-publish-models", context=nobodys())

    async def stop(self) -> None:
        """Publish nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _publish_on(self) -> None:
        while True:
            if self._alone or self._processes.need_workers:
                try:
                    with suppress(CacheUnavailable):  # then nobody could read it either
                        await self._publish()
                except AIChatError as error:
                    self._log.debug("The models are not published: %s", error.code)
                except Exception:  # noqa: BLE001 (one fault must not hide the models for good)
                    self._log.exception("Publishing the models failed")
            await asyncio.sleep(PUBLISH_S)

    async def _publish(self) -> None:
        models, states = await self._catalogue.listed()
        if not any(state.state == "ok" for state in states) and await self._cache.get(STATES) is not None:
            return  # another worker may see more than this one
        await self._cache.put(MODELS, msgspec.json.encode(_Known(models, self._catalogue.parallels)), MODELS_KEPT_S)
        await self._cache.put(STATES, msgspec.json.encode(states), STATES_KEPT_S)
