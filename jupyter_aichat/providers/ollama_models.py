"""What Ollama has on offer, and what `/api/show` knows of each model: asked once per digest, a few at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from jupyter_aichat.domain.model import Model, ModelSetup
from jupyter_aichat.errors import ProviderError
from jupyter_aichat.providers.exchange import Answer, Fault, HttpClient
from jupyter_aichat.providers.ollama_errors import Wording
from jupyter_aichat.providers.ollama_template import leaves_open
from jupyter_aichat.providers.ollama_wire import LoadedModels, Show, Tag, Tags, Version, encode_show

ASK_TIMEOUT_S = 5.0
PATIENCE_S = 0.8
_SHOWS_AT_ONCE = 4
_NUM_CTX = re.compile(r"^num_ctx\s+(\d+)\s*$", re.MULTILINE)
_EMBEDDERS = ("bert", "nomic-bert")
_UNKNOWN = ("completion",)

Body = TypeVar("Body", bound=msgspec.Struct)


class ModelFacts(msgspec.Struct, frozen=True):
    """What does not change while a model's digest stays. ``num_ctx`` is the Modelfile's."""

    capabilities: tuple[str, ...]
    context_length: int | None
    num_ctx: int | None
    can_prefill: bool
    cloud: bool


class OllamaModels:
    """The list and the facts, of one server."""

    def __init__(
        self, client: HttpClient, wording: Callable[..., Wording], *, allow_cloud: bool, provider: str
    ) -> None:
        self._client, self._wording = client, wording
        self._allow_cloud, self._provider = allow_cloud, provider
        self._facts: dict[str, ModelFacts] = {}
        self._tags: dict[str, Tag] = {}
        self._asking: dict[str, asyncio.Task[ModelFacts]] = {}
        self._turn = asyncio.Semaphore(_SHOWS_AT_ONCE)

    async def list(self) -> tuple[Model, ...]:
        """Return the models that can chat, with what is known of each within about a second; names as Ollama's."""
        tags, loaded = await asyncio.gather(self._list_tags(), self._list_loaded())
        self._tags = {tag.name: tag for tag in tags}
        current = {tag.digest for tag in tags}
        self._facts = {digest: facts for digest, facts in self._facts.items() if digest in current}
        unknown = [self._ask(tag) for tag in tags if tag.digest not in self._facts and self._offered(tag)]
        if unknown:
            await asyncio.wait(unknown, timeout=PATIENCE_S)
        return tuple(self._model(tag, tag.name in loaded) for tag in tags if self._offered(tag))

    async def facts(self, name: str) -> ModelFacts:
        """Return the facts of a model: at most one question. Raises `ProviderError`, also for a model of the cloud."""
        tag = self._tags.get(name) or self._tags.get(f"{name}:latest") or Tag(name)
        facts = self._facts.get(tag.digest)
        if facts is None:
            facts = await asyncio.shield(self._ask(tag))
        if not self._allow_cloud and (facts.cloud or _is_cloud(tag)):
            raise self._wording(name).cloud()
        return facts

    async def version(self) -> str:
        """Return the server's version, "" where it does not say."""
        wording = self._wording()
        return _decode(await self._answer("GET", "api/version", None, wording), Version, wording).version

    async def close(self) -> None:
        """End the questions under way."""
        tasks = tuple(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ask(self, tag: Tag) -> asyncio.Task[ModelFacts]:
        """Return the one question about a model that is under way, or begin it."""
        key = tag.digest or tag.name
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._show(tag), name=f"aichat-ollama-show-{tag.name}")
            task.add_done_callback(lambda done: self._asked(key, done))
        return task

    def _asked(self, key: str, task: asyncio.Task[ModelFacts]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # marks it as seen: who waits for the facts gets it, the list does without

    async def _show(self, tag: Tag) -> ModelFacts:
        wording = self._wording(tag.name)
        async with self._turn:
            answer = await self._answer("POST", "api/show", encode_show(tag.name), wording)
        facts = _facts(_decode(answer, Show, wording))
        if tag.digest:
            self._facts[tag.digest] = facts
        return facts

    async def _list_tags(self) -> tuple[Tag, ...]:
        wording = self._wording()
        answer = await self._answer("GET", "api/tags", None, wording)
        return _decode(answer, Tags, wording).models or ()

    async def _list_loaded(self) -> frozenset[str]:
        """Names of the loaded models; which they are is a comfort, so a failure says none."""
        wording = self._wording()
        try:
            answer = await self._answer("GET", "api/ps", None, wording)
            return frozenset(model.name for model in _decode(answer, LoadedModels, wording).models or ())
        except ProviderError:
            return frozenset()

    async def _answer(self, method: str, path: str, body: bytes | None, wording: Wording) -> Answer:
        try:
            answer = await self._client.ask(method, path, body, timeout_s=ASK_TIMEOUT_S)
        except Fault as fault:
            raise wording.fault(fault) from fault
        if answer.status != 200:
            raise wording.refusal(answer)
        return answer

    def _offered(self, tag: Tag) -> bool:
        if _is_cloud(tag) and not self._allow_cloud:
            return False
        facts = self._facts.get(tag.digest)
        if facts is not None and facts.cloud and not self._allow_cloud:
            return False
        capabilities = facts.capabilities if facts else tag.capabilities
        if capabilities is None:
            return tag.details.family not in _EMBEDDERS
        return "completion" in capabilities

    def _model(self, tag: Tag, loaded: bool) -> Model:
        facts = self._facts.get(tag.digest)
        return Model(
            name=tag.name,
            digest=tag.digest or None,
            provider=self._provider,
            capabilities=facts.capabilities if facts else tag.capabilities or _UNKNOWN,
            context_length=facts.context_length if facts else tag.details.context_length,
            size=tag.size,
            loaded=loaded,
        )


def setup_of(model: Model, facts: ModelFacts, num_ctx: int) -> ModelSetup:
    """Return the setup: the window is the Modelfile's, else `num_ctx`, and never larger than the model's own."""
    window = facts.num_ctx or num_ctx
    if facts.context_length:
        window = min(window, facts.context_length)
    known = msgspec.structs.replace(model, capabilities=facts.capabilities, context_length=facts.context_length)
    return ModelSetup(known, window, facts.can_prefill)


def _is_cloud(tag: Tag) -> bool:
    _, _, suffix = tag.name.rpartition(":")
    return bool(tag.remote_host or tag.remote_model) or suffix.endswith("-cloud") or suffix == "cloud"


def _facts(show: Show) -> ModelFacts:
    capabilities = _UNKNOWN if show.capabilities is None else show.capabilities
    window = _NUM_CTX.search(show.parameters)
    return ModelFacts(
        capabilities=capabilities,
        context_length=_context_length(show),
        num_ctx=int(window[1]) if window else None,
        can_prefill="completion" in capabilities and leaves_open(show.template, show.renderer),
        cloud=bool(show.remote_host),
    )


def _context_length(show: Show) -> int | None:
    """The field is named for the architecture: ``llama.context_length``."""
    for field, value in (show.model_info or {}).items():
        if field.endswith(".context_length"):
            try:
                return msgspec.json.decode(value, type=int)
            except msgspec.DecodeError:
                return None
    return show.details.context_length


def _decode(answer: Answer, type_: type[Body], wording: Wording) -> Body:
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise wording.malformed() from error
