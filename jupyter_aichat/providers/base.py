"""The port of model servers.

A provider is pulled and never calls back. Closing the generator of `Provider.chat` closes the upstream connection at
once. Errors are those of `jupyter_aichat.errors` below `ProviderError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from jupyter_aichat.domain.model import Model, ModelSetup, ServerState
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import Part
from jupyter_aichat.domain.usage import Usage


class PromptMessage(msgspec.Struct, frozen=True, gc=False):
    """One message of what a model is given; text holds no NUL and no lone surrogate."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]


class ChatRequest(msgspec.Struct, frozen=True, gc=False):
    """What a run asks. With a last message of role assistant the model goes on with it (`ModelSetup.can_prefill`).

    ``num_ctx`` (tokens) is really sent, so that the window is the one our budget was made for. ``digest`` is the model's,
    where known: of servers that have different ones under the name, those with this one are asked.
    """

    model: str
    messages: tuple[PromptMessage, ...]
    num_ctx: int
    options: Options = Options()
    digest: str | None = None


class TextChunk(msgspec.Struct, frozen=True, gc=False):
    """More text."""

    text: str


class ThinkingChunk(msgspec.Struct, frozen=True, gc=False):
    """More thinking."""

    text: str


class ToolCallChunk(msgspec.Struct, frozen=True):
    """A whole tool call; ``id`` is made up where the server gives none."""

    id: str
    name: str
    arguments: dict[str, object]


class FinishedChunk(msgspec.Struct, frozen=True, gc=False):
    """The server's own word that the answer is complete; a stream without it was interrupted.

    ``reason`` is "stop", "length" or what the server says.
    """

    reason: str
    usage: Usage


Chunk = TextChunk | ThinkingChunk | ToolCallChunk | FinishedChunk


Hear = Callable[[tuple[Chunk, ...]], None]
"""Takes chunks; called on the loop, in the step that brought them, and returns at once."""


class Provider(Protocol):
    """A server of models."""

    name: str

    @property
    def servers(self) -> tuple[ServerState, ...]:
        """How each server is, where the provider has several."""
        ...

    def parallel_of(self, model: str) -> int | None:
        """Return how many answers of one model are written at once: 0 is any number, None not known."""
        ...

    async def open(self) -> None:
        """Make clients; ask nothing of the network."""

    async def close(self) -> None:
        """Close all connections."""

    async def models(self) -> tuple[Model, ...]:
        """Return the models on offer now, or raise `ProviderUnreachable`."""
        ...

    async def setup(self, model: Model) -> ModelSetup:
        """Return what a run of this model needs: one or no question to the server."""
        ...

    async def chat(self, request: ChatRequest, hear: Hear) -> None:
        """Ask, and call `hear` with what each read from the server brought, neighbours of a kind joined.

        Returns after the server's own end, whose `FinishedChunk` is the last; a stream that ends without one raises
        `StreamInterrupted`. What `hear` raises ends the answer, and is raised here.
        """
        ...
