"""The providers that the contract holds for: recorded Ollama, real Ollama, scripted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import msgspec
import pytest

from jupyter_aichat.domain.model import Model
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.providers.base import (
    ChatRequest,
    Chunk,
    FinishedChunk,
    PromptMessage,
    Provider,
    TextChunk,
    ThinkingChunk,
)
from jupyter_aichat.providers.ollama import OllamaProvider
from jupyter_aichat.providers.ollama_wire import encode_chat
from jupyter_aichat.providers.scripted import ScriptedProvider
from tests.contract.provider_servers import Handler, fake, recorded

Target = Callable[[], AbstractAsyncContextManager[Provider]]
Some = TypeVar("Some", bound=Provider)
HI = PromptMessage("user", (TextPart("hi"),))


@contextlib.asynccontextmanager
async def opened(provider: Some) -> AsyncIterator[Some]:
    """Open a provider, and close it."""
    await provider.open()
    try:
        yield provider
    finally:
        await provider.close()


@contextlib.asynccontextmanager
async def recorded_target() -> AsyncIterator[Provider]:
    async with fake(recorded()) as server, opened(OllamaProvider(url=server.url)) as provider:
        yield provider


def real_target(url: str) -> Target:
    return lambda: opened(OllamaProvider(url=url))


def scripted_target() -> AbstractAsyncContextManager[Provider]:
    return opened(ScriptedProvider(scenarios=True))


def request(model: str, *begun: str, num_ctx: int = 4096, **options: object) -> ChatRequest:
    """Ask "hi"; `begun` is the beginning of the answer."""
    answer = tuple(PromptMessage("assistant", (TextPart(text),)) for text in begun)
    return ChatRequest(model, (HI, *answer), num_ctx, msgspec.convert(options, Options))


def send_also(monkeypatch: pytest.MonkeyPatch, **fields: object) -> None:
    """Let Ollama's requests carry fields that ours never do."""

    def encode(*args: Any, **kwargs: Any) -> bytes:
        return msgspec.json.encode(msgspec.json.decode(encode_chat(*args, **kwargs)) | fields)

    monkeypatch.setattr("jupyter_aichat.providers.ollama.encode_chat", encode)


class Reply(msgspec.Struct):
    """A whole answer."""

    chunks: list[Chunk] = []
    reads: list[tuple[Chunk, ...]] = []
    error: Exception | None = None

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks if isinstance(chunk, TextChunk))

    @property
    def thinking(self) -> str:
        return "".join(chunk.text for chunk in self.chunks if isinstance(chunk, ThinkingChunk))

    @property
    def finished(self) -> FinishedChunk:
        assert self.error is None, repr(self.error)
        last = self.chunks[-1]
        assert isinstance(last, FinishedChunk)
        assert not any(isinstance(chunk, FinishedChunk) for chunk in self.chunks[:-1])
        return last


async def streamed(provider: Provider, wanted: ChatRequest) -> AsyncGenerator[tuple[Chunk, ...], None]:
    """Yield what an answer brings; who leaves it ends it."""
    heard: asyncio.Queue[tuple[Chunk, ...] | None] = asyncio.Queue()
    asking = asyncio.create_task(provider.chat(wanted, heard.put_nowait))
    asking.add_done_callback(lambda _: heard.put_nowait(None))
    try:
        while (chunks := await heard.get()) is not None:
            yield chunks
        await asking
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def ask(provider: Provider, wanted: ChatRequest) -> Reply:
    """Read an answer to its end, whichever it is."""
    reply = Reply()

    def hear(chunks: tuple[Chunk, ...]) -> None:
        assert chunks, "an empty read is no read"
        reply.reads.append(chunks)
        reply.chunks += chunks

    try:
        await provider.chat(wanted, hear)
    except Exception as error:
        reply.error = error
    return reply


async def reply_to(handlers: dict[str, Handler], **traits: Any) -> Reply:
    """Ask a server of these handlers once."""
    async with fake(handlers) as server, opened(OllamaProvider(url=server.url, **traits)) as provider:
        return await ask(provider, request("m"))


async def model_named(provider: Provider, name: str) -> Model:
    """Return a listed model; `latest` need not be said."""
    return next(model for model in await provider.models() if model.name.removesuffix(":latest") == name)
