"""Several Ollama servers as one provider: each question goes to the server that has the model and the least to do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import Any

from traitlets import Dict, Int, List, TraitError, Unicode, default, validate
from traitlets.config import LoggingConfigurable

from jupyter_aichat.domain.model import Model, ModelSetup, ServerState
from jupyter_aichat.errors import (
    ModelNotFound,
    ProviderBusy,
    ProviderError,
    ProviderUnreachable,
    StreamInterrupted,
)
from jupyter_aichat.providers.base import ChatRequest, Chunk, Hear
from jupyter_aichat.providers.ollama import OllamaProvider
from jupyter_aichat.providers.ollama_server import OllamaServer
from jupyter_aichat.providers.ollama_url import parse_host

PATIENCE_S = 1.0
"""How long the list of models waits for a slow server; meanwhile it has what it had."""
LOOK_S = 5.0
"""How often the servers are looked at when nobody asks: a line that stands learns of one that is back."""


class OllamaPool(LoggingConfigurable):
    """The models of several Ollamas.

    Of a name that several servers have, the first one's model is on offer, and those count that have the same under it. A question
    that a server does not take, or lets go before the first word, goes to another one; an answer that was begun does not.
    """

    name = "ollama"

    urls = List(
        Unicode(),
        help="Several Ollama servers that share the work, each in any spelling of OLLAMA_HOST. Default: OLLAMA_HOST, where that "
        "names several with commas between them; else there is one, OllamaProvider.url.",
    ).tag(config=True)  # fmt: skip
    parallel = Dict(
        key_trait=Unicode(), value_trait=Int(min=1),
        help="How many answers of one model each server writes at once, by its URL, where they differ: "
        "{'http://gpu-1:11434': 4}. Default: OllamaProvider.parallel for each, else 1.",
    ).tag(config=True)  # fmt: skip

    @default("urls")
    def _urls_from_environment(self) -> list[str]:
        spellings = [each.strip() for each in os.environ.get("OLLAMA_HOST", "").split(",") if each.strip()]
        return _urls(spellings, "OLLAMA_HOST") if len(spellings) > 1 else []

    @validate("urls")
    def _whole_urls(self, proposal: dict[str, Any]) -> list[str]:
        return _urls(proposal["value"], "OllamaPool.urls")

    @validate("parallel")
    def _whole_parallel(self, proposal: dict[str, Any]) -> dict[str, int]:
        return dict(zip(_urls(proposal["value"], "OllamaPool.parallel"), proposal["value"].values(), strict=True))

    def __init__(self, *, discreet: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members = tuple(
            OllamaServer(OllamaProvider(parent=self.parent, url=url, discreet=discreet)) for url in self.urls
        )
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Make clients, and look at the servers from now on, first in `LOOK_S`."""
        for member in self.members:
            await member.provider.open()
        self._looking = asyncio.create_task(self._look_on(), name="aichat-ollama-pool")

    async def close(self) -> None:
        """End what is under way and close all connections."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for member in self.members:
            await member.close()

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            looks = await asyncio.gather(*(member.look() for member in self.members), return_exceptions=True)
            for fault in looks:
                if isinstance(fault, Exception):
                    self.log.error("Looking at a model server failed", exc_info=fault)

    @property
    def servers(self) -> tuple[ServerState, ...]:
        """How each server is, as far as this process knows."""
        return tuple(ServerState(each.address, each.error is None, each.streams.total()) for each in self.members)

    def parallel_of(self, model: str) -> int | None:
        """Return how many answers of a model all servers together write at once, of those that are there and have it.

        While none is, those count that had it: what is asked for meanwhile waits for them. 0 is any number.
        """
        having = self._having(model) or [each for each in self.members if each.model(model)] or self.members
        each = [self._parallel(member) for member in having]
        return 0 if 0 in each else sum(each)

    def _parallel(self, member: OllamaServer) -> int:
        known = self.parallel.get(member.provider.url, member.provider.parallel)
        return 1 if known is None else int(known)

    async def models(self) -> tuple[Model, ...]:
        """Return the models that can chat, of all servers that answer. Raises `ProviderError` where none does."""
        _, pending = await asyncio.wait([member.look() for member in self.members], timeout=PATIENCE_S)
        while pending and not self._there():
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        there = self._there()
        if not there:
            raise self._all_away()
        found: dict[str, Model] = {}
        for model in (model for member in there for model in member.models.values()):
            first = found.setdefault(model.name, model)
            if model.loaded and not first.loaded and model.digest == first.digest:
                found[model.name] = model
        return tuple(found.values())

    def _there(self) -> list[OllamaServer]:
        """The servers whose models are known, and that answered the last time."""
        return [member for member in self.members if member.error is None and member.has_answered]

    def _all_away(self) -> ProviderError:
        errors = [member.error for member in self.members if member.error is not None]
        if len({type(error) for error in errors}) > 1 or not errors:
            return ProviderUnreachable("None of the model servers can be asked; see the server's log or its doctor.")
        return errors[0]

    async def setup(self, model: Model) -> ModelSetup:
        """Return what a run of this model needs, from the first server that says it."""
        tried: set[OllamaServer] = set()
        while True:
            member = self._choose(model.name, model.digest, tried)
            try:
                return await member.provider.setup(model)
            except (ProviderUnreachable, ProviderBusy) as error:
                self._note(member, error)
                tried.add(member)
                if not self._left(model.name, model.digest, tried):
                    raise

    async def chat(self, request: ChatRequest, hear: Hear) -> None:
        """Answer as `Provider.chat` says, by the best server that takes the question."""
        model, digest, tried, begun = request.model, request.digest, set[OllamaServer](), False

        def hear_first(chunks: tuple[Chunk, ...]) -> None:
            nonlocal begun
            begun = True
            hear(chunks)

        while True:
            member = self._choose(model, digest, tried)
            member.streams[model] += 1
            try:
                others = self._left(model, digest, {*tried, member})
                await member.provider.chat(request, hear_first, patient=not others)
                return
            except (ProviderUnreachable, ProviderBusy, StreamInterrupted, ModelNotFound) as error:
                self._note(member, error)
                tried.add(member)
                if begun or not self._left(model, digest, tried):
                    raise
                self.log.info("%s did not take a question (%s); another is asked", member.address, error.code)
            finally:
                member.streams[model] -= 1

    def _note(self, member: OllamaServer, error: ProviderError) -> None:
        """Remember that a server is away, until it says its models again."""
        if isinstance(error, ProviderUnreachable):
            member.error = error

    def _having(self, model: str, digest: str | None = None) -> list[OllamaServer]:
        """The servers that are there and have the model that is meant."""
        return [each for each in self._same(model, digest) if each.error is None]

    def _same(self, model: str, digest: str | None) -> list[OllamaServer]:
        """The servers, also those that are away, with the model of this digest; if none has it, with what is on offer."""
        having = [(each, found) for each in self.members if (found := each.model(model))]
        if not having:
            return []
        if not digest or digest not in {found.digest for _, found in having}:
            digest = next((found.digest for each, found in having if each.error is None), having[0][1].digest)
        return [each for each, found in having if found.digest == digest]

    def _left(self, model: str, digest: str | None, tried: Iterable[OllamaServer]) -> list[OllamaServer]:
        return [member for member in self._having(model, digest) if member not in tried]

    def _choose(self, model: str, digest: str | None, tried: set[OllamaServer]) -> OllamaServer:
        """Return the server to ask: one with a free place, where the model is loaded, and that writes the fewest answers.

        Where none of those that have the model is there, one of them says what is the matter; else one that was not tried.
        """
        left = self._left(model, digest, tried) or self._same(model, digest) or self.members
        untried = [each for each in left if each not in tried]
        return min(untried or self.members, key=lambda member: member.rank(model, self._parallel(member)))


def _urls(spellings: Iterable[str], name: str) -> list[str]:
    try:
        urls = [parse_host(each) for each in spellings]
    except ValueError as error:
        raise TraitError(f"{name}: {error}") from error
    if len(set(urls)) < len(urls):
        raise TraitError(f"{name} names a server twice.")
    return urls
