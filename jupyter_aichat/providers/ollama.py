"""Ollama over its own API."""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any

from traitlets import Bool, Dict, Float, Int, TraitError, Unicode, Union, default, validate
from traitlets.config import LoggingConfigurable

from jupyter_aichat.domain.model import Model, ModelSetup, ServerState
from jupyter_aichat.errors import ProviderBusy
from jupyter_aichat.providers.base import ChatRequest, Hear
from jupyter_aichat.providers.exchange import ByteStream, Fault, HttpClient, whole
from jupyter_aichat.providers.ollama_discretion import DiscreetWording
from jupyter_aichat.providers.ollama_errors import Wording
from jupyter_aichat.providers.ollama_models import ModelFacts, OllamaModels, setup_of
from jupyter_aichat.providers.ollama_stream import ChatStream
from jupyter_aichat.providers.ollama_url import DEFAULT_URL, address_of, parse_host
from jupyter_aichat.providers.ollama_wire import encode_chat

_MAX_REFUSAL = 1024 * 1024
_BUSY_PAUSES_S = (0.25, 0.5, 1.0)


class OllamaProvider(LoggingConfigurable):
    """The models of one Ollama."""

    name = "ollama"

    url = Unicode(
        help="Where Ollama listens, in any spelling of OLLAMA_HOST, which is the default, else http://127.0.0.1:11434."
    ).tag(config=True)
    headers = Dict(
        key_trait=Unicode(), value_trait=Unicode(),
        help="HTTP headers for every request, such as Authorization for a proxy before Ollama.",
    ).tag(config=True)  # fmt: skip
    num_ctx = Int(
        8192, min=256, help="Context window in tokens of models whose Modelfile sets none (at most the model's own)."
    ).tag(config=True)
    connect_timeout_s = Float(3.0, help="Seconds until a connection must stand.").tag(config=True)
    first_byte_timeout_s = Float(
        300.0, help="Seconds until the first byte of an answer; the model may have to be loaded first."
    ).tag(config=True)
    stall_timeout_s = Float(60.0, help="Seconds without a byte in the middle of an answer.").tag(config=True)
    allow_cloud = Bool(False, help="Offer models that run in Ollama's cloud: they send prompts to others.").tag(
        config=True
    )
    keep_alive = Union(
        [Int(), Unicode()], allow_none=True, default_value=None,
        help="How long a model stays loaded: seconds, or text like '1h'; negative is for ever. Ollama's default if unset.",
    ).tag(config=True)  # fmt: skip

    discreet = Bool(False, help="Leave out of errors what is the operator's business, and log it; for services.")
    parallel = Int(
        allow_none=True, default_value=None, min=0,
        help="How many answers of one model Ollama writes at once, 0 for any number: what runs here beyond waits in line. "
        "Default: OLLAMA_NUM_PARALLEL where that is set for this process too; Ollama tells nobody.",
    ).tag(config=True)  # fmt: skip

    @default("parallel")
    def _parallel_from_environment(self) -> int | None:
        spelling = os.environ.get("OLLAMA_NUM_PARALLEL", "").strip()
        return int(spelling) or None if spelling.isdecimal() else None

    @default("url")
    def _url_from_environment(self) -> str:
        spelling = os.environ.get("OLLAMA_HOST", "")
        try:
            return parse_host(spelling)
        except ValueError as error:
            self.log.warning("OLLAMA_HOST is ignored: %s", error)
            return DEFAULT_URL

    @validate("url")
    def _whole_url(self, proposal: dict[str, Any]) -> str:
        try:
            return parse_host(proposal["value"])
        except ValueError as error:
            raise TraitError(f"OllamaProvider.url: {error}") from error

    servers: tuple[ServerState, ...] = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._address = address_of(self.url)
        self._client = HttpClient(f"{self.url}/", self.headers, self.connect_timeout_s)
        self._models = OllamaModels(self._client, self._wording, allow_cloud=self.allow_cloud, provider=self.name)

    def _wording(self, model: str = "") -> Wording:
        if self.discreet:
            return DiscreetWording(self._address, model, self.log)
        return Wording(self._address, model)

    async def open(self) -> None:
        """Make clients; ask nothing of the network."""
        await self._client.open()

    async def close(self) -> None:
        """End what is under way and close all connections."""
        await self._models.close()
        await self._client.close()

    def parallel_of(self, model: str) -> int | None:  # noqa: ARG002 (all models alike)
        """See `Provider.parallel_of`."""
        return self.parallel

    async def models(self) -> tuple[Model, ...]:
        """Return the models that can chat, newest first as Ollama lists them. Raises `ProviderError`."""
        return await self._models.list()

    async def version(self) -> str:
        """Return the server's version, "" where it does not say. Raises `ProviderError`."""
        return await self._models.version()

    async def setup(self, model: Model) -> ModelSetup:
        """Return what a run of this model needs: no question, or one where its digest is new."""
        return setup_of(model, await self._models.facts(model.name), self.num_ctx)

    async def chat(self, request: ChatRequest, hear: Hear, *, patient: bool = True) -> None:
        """Answer as `Provider.chat` says; a busy server is asked again a few times before the first chunk.

        Not so where nobody is `patient`, who has another one to ask.
        """
        wording = self._wording(request.model)
        answer = ChatStream(wording)

        def take(data: bytes) -> bool:
            if chunks := answer.feed(data):
                hear(chunks)
            return answer.over

        stream: ByteStream | None = None
        try:
            stream = await self._begin(request, wording, _BUSY_PAUSES_S if patient else ())
            del request  # a long history, which nobody needs while the answer comes
            await stream.pump(take)
        except Fault as fault:
            raise wording.fault(fault) from fault
        finally:
            if stream is not None:
                stream.close()
        if answer.error is not None:
            raise answer.error

    async def _begin(self, request: ChatRequest, wording: Wording, pauses_s: tuple[float, ...]) -> ByteStream:
        """Ask until the server takes the question."""
        facts = await self._models.facts(request.model)
        body = encode_chat(request, think=_think(request, facts), keep_alive=self.keep_alive)
        for pause_s in (*pauses_s, None):
            stream = await self._client.stream(
                "api/chat", body, first_byte_s=self.first_byte_timeout_s, stall_s=self.stall_timeout_s
            )
            if stream.status == 200:
                return stream
            error = wording.refusal(await whole(stream, _MAX_REFUSAL))
            if pause_s is None or not isinstance(error, ProviderBusy):
                raise error
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311  spreads those who wait
        raise AssertionError("the last try returns or raises")


def _think(request: ChatRequest, facts: ModelFacts) -> bool | None:
    """Say it where the model can think (unsaid means yes there), and never where it cannot.

    An answer that is continued has done its thinking.
    """
    if "thinking" not in facts.capabilities:
        return None
    if request.messages and request.messages[-1].role == "assistant":
        return False
    return request.options.think is not False
