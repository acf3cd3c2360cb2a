"""The catalogue: all providers' models as one list, kept fresh without making a send wait."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.model import Model, ModelList, ModelSetup, ProviderState, ServerState
from jupyter_aichat.domain.model_rule import EVERY_MODEL, AllowedModels
from jupyter_aichat.errors import (
    CacheUnavailable,
    ModelNotAllowed,
    ModelNotFound,
    NotReady,
    ProviderError,
    ProviderUnreachable,
)
from jupyter_aichat.logs.context import nobodys
from jupyter_aichat.providers.base import Provider

LIST_FRESH_S = 1.5
SEND_FRESH_S = 5.0
SETUP_KEPT_S = 600.0

Listed = tuple[tuple[Model, ...], tuple[ProviderState, ...]]


class Catalogue:
    """Which models there are, and which provider serves each.

    A scripted demo is on offer only while no provider has a real model; whoever names it gets it all the same.
    """

    def __init__(self, providers: Sequence[Provider], cache: Cache, default_model: str, log: logging.Logger) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self._cache, self._default, self._log = cache, default_model, log
        self._models: tuple[Model, ...] = ()
        self._states: tuple[ProviderState, ...] = ()
        self._fresh_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None
        self._setup_decoder = msgspec.json.Decoder(ModelSetup)

    async def answers(self, age_s: float, patience_s: float) -> bool:
        """Whether every provider answers, by news at most so old; what takes longer than `patience_s` is not waited for."""
        if time.monotonic() - self._fresh_at > age_s:
            await asyncio.wait([self._refresh_behind()], timeout=patience_s)
        return bool(self._states) and all(state.state == "ok" for state in self._states)

    def provider(self, name: str) -> Provider:
        """Return a provider by its name."""
        try:
            return self._providers[name]
        except KeyError:
            raise ProviderUnreachable(f"The provider {name!r} is not configured here.") from None

    def parallel(self, name: str, model: str) -> int | None:
        """Return how many answers of one model a provider writes at once: 0 is any number, None not known."""
        provider = self._providers.get(name)
        return provider.parallel_of(model) if provider else None

    @property
    def parallels(self) -> Mapping[str, int | None]:
        """`parallel` of each model that there is; by the provider's name alone for processes of the version before."""
        alone = {name: provider.parallel_of("") for name, provider in self._providers.items()}
        return alone | {
            f"{each.provider}/{each.name}": self.parallel(each.provider, each.name) for each in self._models
        }

    @property
    def servers(self) -> tuple[ServerState, ...]:
        """How each server is, of providers that have several."""
        return tuple(server for provider in self._providers.values() for server in provider.servers)

    async def list(self, allowed: AllowedModels = EVERY_MODEL) -> ModelList:
        """Return the models on offer now to somebody, asking the providers where the last answer is old."""
        await self._refresh(LIST_FRESH_S)
        offered = self._offered(allowed)
        return ModelList(offered, self._default_name(offered), self._states)

    def _offered(self, allowed: AllowedModels) -> tuple[Model, ...]:
        real = tuple(model for model in self._models if not model.demo)
        return tuple(model for model in real or self._models if allowed.has(model))

    def _default_name(self, offered: tuple[Model, ...]) -> str | None:
        names = [model.name for model in offered]
        if self._default in names or not self._models:
            return self._default or None
        if not names:
            return None
        return next((model.name for model in offered if model.loaded), names[0])

    async def resolve(self, name: str | None, allowed: AllowedModels = EVERY_MODEL) -> Model:
        """Return the model of that name, or the default one of those that are allowed.

        Known models cost no question; the list is refreshed behind the send. Raises `ModelNotFound`, `ModelNotAllowed`,
        or `ProviderUnreachable` where a provider that might have it does not answer.
        """
        model = self._find(name, allowed)
        if model is None:
            await self._refresh(0)
            model = self._find(name, allowed)
        elif time.monotonic() - self._fresh_at > SEND_FRESH_S:
            self._refresh_behind()
        if model is None:
            raise self._missing(name)
        if not allowed.has(model):
            raise ModelNotAllowed(f"The model {model.name} is not for you here; choose another.", model=model.name)
        return model

    def _find(self, name: str | None, allowed: AllowedModels) -> Model | None:
        wanted = name or self._default_name(self._offered(allowed))
        tagged = f"{wanted}:latest"
        return next((m for m in self._models if m.name == wanted), None) or next(
            (m for m in self._models if m.name == tagged), None
        )

    def _missing(self, name: str | None) -> ProviderError:
        for state in self._states:
            if state.error is not None:
                return ProviderUnreachable(state.error.message, **state.error.details)
        if name is None and not self._default:
            return ModelNotFound("There is no model yet. Get one with `ollama pull llama3.2`.")
        wanted = name or self._default
        return ModelNotFound(f"The model {wanted} is not there. Get it with `ollama pull {wanted}`.", model=wanted)

    async def setup(self, model: Model) -> ModelSetup:
        """Return what a run of the model needs; asked once per digest."""
        key = f"setup:{model.provider}:{model.name}:{model.digest}"
        kept = await self._kept_setup(key) if model.digest else None
        if kept is not None:
            return kept
        setup = await self.provider(model.provider).setup(model)
        if model.digest:
            with suppress(CacheUnavailable):  # then the next run asks again
                await self._cache.put(key, msgspec.json.encode(setup), SETUP_KEPT_S)
        return setup

    async def _kept_setup(self, key: str) -> ModelSetup | None:
        try:
            kept = await self._cache.get(key)
            return None if kept is None else self._setup_decoder.decode(kept)
        except (CacheUnavailable, msgspec.DecodeError):  # away, or another version of us wrote it
            return None

    async def _refresh(self, age_s: float) -> None:
        if time.monotonic() - self._fresh_at > age_s:
            self._refresh_behind()
        task = self._refreshing
        if task is not None and time.monotonic() - self._fresh_at > age_s:
            await asyncio.wait([task])
            if task.cancelled():
                raise NotReady
            task.result()

    def _refresh_behind(self) -> asyncio.Task[None]:
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._ask_all(), name="aichat-models", context=nobodys())
        return self._refreshing

    async def _ask_all(self) -> None:
        try:
            self._models, self._states = await self._listed()
            self._fresh_at = time.monotonic()
        finally:
            self._refreshing = None

    async def listed(self) -> Listed:
        """Return all models, those that are not on offer included, and how each provider is."""
        await self._refresh(LIST_FRESH_S)
        return self._models, self._states

    async def _listed(self) -> Listed:
        answers = await asyncio.gather(*(self._ask(p) for p in self._providers.values()))
        return tuple(model for models, _ in answers for model in models), tuple(state for _, state in answers)

    async def _ask(self, provider: Provider) -> tuple[tuple[Model, ...], ProviderState]:
        try:
            return await provider.models(), ProviderState(provider.name, "ok")
        except ProviderError as error:
            failure = Failure(error.code, error.message, dict(error.details))
            return (), ProviderState(provider.name, "unreachable", failure)

    async def stop(self) -> None:
        """End the question under way."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
