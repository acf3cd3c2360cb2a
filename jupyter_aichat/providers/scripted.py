"""A provider without a server: the demo for machines that have no Ollama yet, and models for tests.

Deterministic, and nothing of one answer is kept for the next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from traitlets import Bool, Float, List, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_aichat.domain.model import Model, ModelSetup, ServerState
from jupyter_aichat.domain.part import text_of
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.errors import ModelNotFound, ProviderTimeout
from jupyter_aichat.providers.base import (
    ChatRequest,
    Chunk,
    FinishedChunk,
    Hear,
    PromptMessage,
    TextChunk,
    ThinkingChunk,
)
from jupyter_aichat.providers.scripted_scenarios import EXAMPLES, Cue, Script, can_continue, script_for

DEMO = "demo"
_CONTEXT = 32_768
_CAPABILITIES = {"thinker": ("completion", "thinking"), "tooler": ("completion", "tools")}


class ScriptedProvider(LoggingConfigurable):
    """The demo model and, with `scenarios`, the tests' models (see `scripted_scenarios`)."""

    name = "scripted"
    servers: tuple[ServerState, ...] = ()

    scenarios = Bool(False, help="Offer the scripted models for tests, not the demo alone.").tag(config=True)
    names = List(Unicode(), help="Further scripted models to offer, such as counter-1000-50.").tag(config=True)
    stall_timeout_s = Float(60.0, help="Seconds until a stalled script fails.").tag(config=True)

    def parallel_of(self, model: str) -> int:  # noqa: ARG002 (all alike)
        """See `Provider.parallel_of`: any number."""
        return 0

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def models(self) -> tuple[Model, ...]:
        """Return the demo and, where they are on, the tests' models."""
        return tuple(self._model(name) for name in (DEMO, *dict.fromkeys(self._scenario_names())))

    async def setup(self, model: Model) -> ModelSetup:
        """Return the setup. Raises `ModelNotFound`."""
        self._script(model.name, Cue(""))
        return ModelSetup(model, _CONTEXT, can_continue(model.name))

    async def chat(self, request: ChatRequest, hear: Hear) -> None:
        """Play the script of the model, with stop sequences, ``num_predict`` and a begun answer honoured."""
        script = self._script(request.model, _cue(request.messages))
        loop = asyncio.get_running_loop()
        due = loop.time()
        for pause_s, chunk in _steps(script, request, self.stall_timeout_s):
            due += pause_s
            await asyncio.sleep(max(0.0, due - loop.time()))  # also gives way to others
            if chunk is not None:
                hear((chunk,))

    def _scenario_names(self) -> tuple[str, ...]:
        return (*EXAMPLES, *self.names) if self.scenarios else ()

    def _script(self, name: str, cue: Cue) -> Script:
        script = script_for(name, cue) if name == DEMO or self.scenarios else None
        if script is None:
            raise ModelNotFound(f"There is no scripted model {name}.", model=name)
        return script

    def _model(self, name: str) -> Model:
        return Model(
            name=name,
            digest=f"scripted:{name}",
            provider=self.name,
            capabilities=_CAPABILITIES.get(name, ("completion",)),
            context_length=_CONTEXT,
            loaded=True,
            demo=name == DEMO,
        )


class _Stops:
    """Ends a text before the first of the stop sequences; holds back what may be the beginning of one."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held_size = max(map(len, stops), default=1) - 1
        self._held = ""
        self.met = False

    def pass_on(self, token: str) -> str:
        """Return the text that can be said now."""
        text = self._held + token
        ends = [end for stop in self._stops if (end := text.find(stop)) >= 0]
        if ends:
            self.met, self._held = True, ""
            return text[: min(ends)]
        said = max(0, len(text) - self._held_size)
        self._held = text[said:]
        return text[:said]

    def rest(self) -> str:
        """Return what was held back."""
        return self._held


def _steps(script: Script, request: ChatRequest, stall_s: float) -> Iterator[tuple[float, Chunk | None]]:
    """Yield what is said, each with the pause (seconds) before it."""
    started, options, said, reason = time.monotonic(), request.options, 0, "stop"
    yield script.load_s, None
    for thought in script.thinking if options.think is not False else ():
        yield script.pause_s, ThinkingChunk(thought)
    stops = _Stops(options.stop or ())
    for token in script.tokens:
        said += 1
        text = stops.pass_on(token)
        yield script.pause_s, TextChunk(text) if text else None
        if stops.met or said == options.num_predict:
            reason = "stop" if stops.met else "length"
            break
    else:
        yield from _fault(script, stall_s)
    if rest := stops.rest():
        yield 0.0, TextChunk(rest)
    for call in script.calls:
        yield 0.0, call
    yield 0.0, FinishedChunk(reason, _usage(script, request, said, time.monotonic() - started))


def _fault(script: Script, stall_s: float) -> Iterator[tuple[float, None]]:
    if script.fault is not None:
        if isinstance(script.fault, ProviderTimeout):
            yield stall_s, None
        raise script.fault


def _cue(messages: tuple[PromptMessage, ...]) -> Cue:
    """The last question, and the answer that has begun after it."""
    questions = [text_of(message.parts) for message in messages if message.role == "user"]
    last = messages[-1] if messages else None
    begun = text_of(last.parts) if last is not None and last.role == "assistant" else ""
    return Cue(questions[-1] if questions else "", begun)


def _usage(script: Script, request: ChatRequest, said: int, seconds: float) -> Usage:
    return Usage(
        prompt_tokens=sum(len(text_of(message.parts).split()) for message in request.messages),
        completion_tokens=said,
        total_ms=round(seconds * 1000),
        load_ms=round(script.load_s * 1000),
        tokens_per_second=round(said / seconds, 2) if seconds > 0 else None,
    )
