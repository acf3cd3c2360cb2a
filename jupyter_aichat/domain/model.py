"""A model: a name and the digest behind it."""

from __future__ import annotations

from typing import Literal

import msgspec

from jupyter_aichat.domain.failure import Failure

Capability = Literal["completion", "tools", "thinking", "vision", "audio", "embedding", "insert"]


class Model(msgspec.Struct, frozen=True):
    """A model that a chat may use. ``size`` in bytes, ``context_length`` in tokens, None where unknown.

    ``demo`` marks a scripted model: it answers, but it is none.
    """

    name: str
    digest: str | None
    provider: str
    capabilities: tuple[str, ...] = ("completion",)
    context_length: int | None = None
    size: int | None = None
    loaded: bool = False
    demo: bool = False


class ModelSetup(msgspec.Struct, frozen=True):
    """What a run needs to know of a model before it asks: see `Model`.

    ``num_ctx`` is the window (tokens) that will be sent; ``can_prefill`` whether a last assistant message is continued.
    """

    model: Model
    num_ctx: int
    can_prefill: bool = False


class ProviderState(msgspec.Struct, frozen=True):
    """Whether a provider answers."""

    name: str
    state: Literal["ok", "unreachable"]
    error: Failure | None = None


class ServerState(msgspec.Struct, frozen=True):
    """One of several servers of a provider: whether it is there, and how many answers it writes for this process."""

    address: str
    up: bool
    streams: int


class ModelList(msgspec.Struct, frozen=True):
    """All models on offer, the one to take when none is named, and the state of each provider."""

    items: tuple[Model, ...]
    default: str | None
    providers: tuple[ProviderState, ...]
