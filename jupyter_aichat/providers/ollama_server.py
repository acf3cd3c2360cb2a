"""One of several Ollama servers, as this process sees it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping

from jupyter_aichat.domain.model import Model
from jupyter_aichat.errors import ProviderError
from jupyter_aichat.providers.ollama import OllamaProvider
from jupyter_aichat.providers.ollama_url import address_of


class OllamaServer:
    """One server as this process sees it."""

    def __init__(self, provider: OllamaProvider) -> None:
        self.provider, self.address = provider, address_of(provider.url)
        self.models: Mapping[str, Model] = {}
        self.has_answered = False
        self.error: ProviderError | None = None
        self.streams: Counter[str] = Counter()
        self._looking: asyncio.Task[None] | None = None

    def look(self) -> asyncio.Task[None]:
        """Ask what it has; one question at a time."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name=f"aichat-ollama-{self.address}")
        return self._looking

    async def _look(self) -> None:
        try:
            self.models = {model.name: model for model in await self.provider.models()}
            self.error, self.has_answered = None, True
        except ProviderError as error:
            self.error = error
        finally:
            self._looking = None

    def rank(self, model: str, parallel: int) -> tuple[bool, bool, bool, float, float]:
        """Return how far behind others it comes for a question to a model, of which it writes `parallel` answers at once.

        A server that takes any number is never full: there the fewest answers count for more than a model that is loaded.
        """
        found, running = self.model(model), self.streams[model]
        is_cold = found is None or not found.loaded
        is_full, load = bool(parallel) and running >= parallel, self.streams.total() / (parallel or 1)
        chance = random.random()  # noqa: S311 (so that replicas differ)
        if not parallel:
            return self.error is not None, False, False, load + is_cold / 2, chance
        return self.error is not None, is_full, is_cold, load, chance

    def model(self, name: str) -> Model | None:
        """Return what it has under a name, as Ollama itself completes names."""
        return self.models.get(name) or self.models.get(f"{name}:latest")

    async def close(self) -> None:
        """End the question under way, and close all connections."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self.provider.close()
