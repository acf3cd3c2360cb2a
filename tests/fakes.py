"""A provider whose every step a test decides."""

from __future__ import annotations

import asyncio

from jupyter_aichat.domain.model import Model, ModelSetup, ServerState
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.errors import ProviderError
from jupyter_aichat.providers.base import ChatRequest, Chunk, FinishedChunk, Hear, TextChunk

MODEL = Model("fake", "d1", "fake", context_length=4096)
DONE = FinishedChunk("stop", Usage(prompt_tokens=None, completion_tokens=1))


class FakeProvider:
    """Streams what `say` was given; counts what was asked and what was closed."""

    name = "fake"
    parallel: int | None = 0
    servers: tuple[ServerState, ...] = ()

    def __init__(self) -> None:
        self.requests: list[ChatRequest] = []
        self.closed = 0
        self.active = 0
        self.listed: tuple[Model, ...] = (MODEL,)
        self.unreachable: ProviderError | None = None
        self.num_ctx = 1000
        self.can_prefill = True
        self._steps: asyncio.Queue[tuple[Chunk, ...] | Exception | None] = asyncio.Queue()

    def say(self, *steps: str | tuple[Chunk, ...] | Exception | None) -> None:
        """Queue steps: text, chunks, an error to raise, or None to end without a word."""
        for step in steps:
            self._steps.put_nowait((TextChunk(step),) if isinstance(step, str) else step)

    def parallel_of(self, model: str) -> int | None:
        return self.parallel

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def models(self) -> tuple[Model, ...]:
        if self.unreachable is not None:
            raise self.unreachable
        return self.listed

    async def setup(self, model: Model) -> ModelSetup:
        return ModelSetup(model, self.num_ctx, self.can_prefill)

    async def chat(self, request: ChatRequest, hear: Hear) -> None:
        self.requests.append(request)
        self.active += 1
        try:
            while (step := await self._steps.get()) is not None:
                if isinstance(step, Exception):
                    raise step
                hear(step)
                if isinstance(step[-1], FinishedChunk):
                    return
        finally:
            self.active -= 1
            self.closed += 1
