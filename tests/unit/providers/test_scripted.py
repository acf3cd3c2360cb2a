"""The scripted provider: the demo, and the models that tests count on."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any

import pytest

from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.errors import (
    ModelNotFound,
    ProviderBusy,
    ProviderError,
    ProviderTimeout,
    StreamInterrupted,
)
from jupyter_aichat.providers.base import ChatRequest, PromptMessage
from jupyter_aichat.providers.scripted import ScriptedProvider
from jupyter_aichat.providers.scripted_demo import demo_answer
from jupyter_aichat.providers.scripted_scenarios import EXAMPLES, Cue, script_for
from tests.contract.provider_targets import Reply, ask, request, streamed


async def said(model: str, *begun: str, **options: Any) -> Reply:
    return await ask(ScriptedProvider(scenarios=True), request(model, *begun, **options))


async def test_the_demo_alone_unless_asked_for_more() -> None:
    (demo,) = await ScriptedProvider().models()
    assert demo.name == "demo"
    assert demo.demo
    with pytest.raises(ModelNotFound):
        await ScriptedProvider().setup((await ScriptedProvider(scenarios=True).models())[1])
    assert isinstance((await ask(ScriptedProvider(), request("counter"))).error, ModelNotFound)


async def test_every_example_is_there() -> None:
    provider = ScriptedProvider(scenarios=True, names=["counter-3-0", "counter"])
    names = [model.name for model in await provider.models()]
    assert names == ["demo", *EXAMPLES, "counter-3-0"]
    for model in await provider.models():
        assert (await provider.setup(model)).model == model
        assert not model.demo or model.name == "demo"


async def test_the_demo_says_what_it_is_and_is_always_the_same() -> None:
    answer = demo_answer("What is *this*?")
    assert "scripted demonstration, not a language model" in answer
    assert "What is \\*this\\*?" in answer
    assert "**3 words** and **15 characters**" in answer
    assert "ollama serve" in answer
    assert answer == demo_answer("What is *this*?")


@pytest.mark.parametrize(
    "question", ["", "   ", "<b>x</b> `y` [z](javascript:1)", "{x} {{y}} %s", "word " * 1000, "ä" * 5000]
)
def test_the_demo_survives_any_question(question: str) -> None:
    answer = demo_answer(question)
    assert "<b>" not in answer
    assert "](javascript" not in answer
    assert len(answer) < 3000


async def test_the_demo_plays_at_thirty_tokens_a_second_and_goes_on_where_it_stopped() -> None:
    started = time.monotonic()
    first = await said("demo", num_predict=30)
    assert 0.8 < time.monotonic() - started < 2.5
    assert first.finished.reason == "length"
    whole = demo_answer("hi")
    assert whole.startswith(first.text)
    second = await said("demo", first.text, num_predict=5)
    assert whole.startswith(first.text + second.text)
    rest = script_for("demo", Cue("hi", first.text))
    assert rest is not None
    assert first.text + "".join(rest.tokens) == whole


@pytest.mark.parametrize(("model", "last"), [("counter", 400), ("counter-7-0", 7), ("slow-load-0", 400)])
async def test_counting(model: str, last: int) -> None:
    reply = await said(model)
    assert reply.text == "".join(f" {n}" for n in range(1, last + 1))
    assert reply.finished.usage.completion_tokens == last


async def test_counting_goes_on() -> None:
    assert (await said("counter-60-0", " 55 56 57")).text == " 58 59 60"
    assert (await said("counter-60-0", " 60")).text == ""


async def test_pace() -> None:
    started = time.monotonic()
    await said("counter-20-20")
    assert 0.35 < time.monotonic() - started < 1.5


async def test_loading() -> None:
    started = time.monotonic()
    reply = await said("slow-load-200", num_predict=1)
    assert time.monotonic() - started >= 0.2
    assert reply.finished.usage.load_ms == 200


@pytest.mark.parametrize("stop", [(" 15",), ("5 1", "nothing"), (" 14 15 16",), (" 15 ", " 15 16 17")])
async def test_stop_sequences_across_tokens(stop: tuple[str, ...]) -> None:
    whole = "".join(f" {n}" for n in range(1, 401))
    reply = await said("counter", stop=stop)
    assert reply.text == whole[: min(at for s in stop if (at := whole.find(s)) >= 0)]
    assert reply.finished.reason == "stop"


async def test_a_stop_sequence_that_never_comes() -> None:
    assert (await said("counter-30-0", stop=("never in there",))).text.endswith(" 29 30")


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("fail-provider_error-after-3", ProviderError),
        ("fail-provider_busy-after-3", ProviderBusy),
        ("fail-timeout-after-3", ProviderTimeout),
        ("cut-after-3", StreamInterrupted),
    ],
)
async def test_failures_keep_the_text_and_come_once(model: str, error: type[ProviderError]) -> None:
    provider = ScriptedProvider(scenarios=True, stall_timeout_s=0.05)
    reply = await ask(provider, request(model))
    assert reply.text == " 1 2 3"
    assert type(reply.error) is error
    again = await ask(provider, request(model, reply.text))
    assert again.text.startswith(" 4 5")
    assert again.finished.reason == "stop"


async def test_a_stall_ends_in_time() -> None:
    reply = await ask(ScriptedProvider(scenarios=True, stall_timeout_s=0.2), request("stall-after-2"))
    assert reply.text == " 1 2"
    assert isinstance(reply.error, ProviderTimeout)


@pytest.mark.parametrize("model", ["nope", "fail-no_such_code-after-3", "counter-x-1", "endless", ""])
async def test_names_that_mean_nothing(model: str) -> None:
    assert isinstance((await said(model)).error, ModelNotFound)


async def test_endless_gives_way_and_stops() -> None:
    provider = ScriptedProvider(scenarios=True)
    async with aclosing(streamed(provider, request("endless-0"))) as stream:
        beats = asyncio.create_task(_beats(20))
        async for _ in stream:
            if beats.done():
                break
    assert beats.done()


async def _beats(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0.001)


async def test_echo_repeats_the_last_question() -> None:
    talk = (
        PromptMessage("user", (TextPart("one"),)),
        PromptMessage("assistant", (TextPart("two"),)),
        PromptMessage("user", (TextPart(" three\n\nfour  five "),)),
    )
    reply = await ask(ScriptedProvider(scenarios=True), ChatRequest("echo", talk, 4096, Options()))
    assert reply.text == " three\n\nfour  five "


@pytest.mark.parametrize(("model", "size"), [("markdown-3", 3000), ("markdown-100", 100_000), ("code-1000", 1_000_000)])
def test_sizes(model: str, size: int) -> None:
    script = script_for(model, Cue("hi"))
    assert script is not None
    pieces = list(script.tokens)
    assert size <= len("".join(pieces)) < size + 20
    limit = 5000 if model.startswith("code") else 80
    assert max(map(len, pieces)) < limit
