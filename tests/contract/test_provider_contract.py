"""What every provider keeps: one suite for recorded, real and scripted models that answer alike."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from jupyter_aichat.errors import ModelNotFound
from jupyter_aichat.providers.base import TextChunk, ToolCallChunk
from tests.contract.provider_targets import (
    Target,
    ask,
    model_named,
    real_target,
    recorded_target,
    request,
    scripted_target,
    send_also,
    streamed,
)
from tests.ollama.record import TOOL

NUMBERS = "".join(f" {n}" for n in range(1, 401))


@pytest.fixture(params=["recorded", "real", "scripted"])
def target(request: pytest.FixtureRequest) -> Target:
    if request.param == "real":
        return real_target(request.getfixturevalue("ollama"))
    return {"recorded": recorded_target, "scripted": scripted_target}[request.param]


async def test_lists_its_models(target: Target) -> None:
    async with target() as provider:
        models = await provider.models()
        names = [model.name for model in models]
        counter, thinker = await model_named(provider, "counter"), await model_named(provider, "thinker")
    assert len(names) == len(set(names))
    assert all(model.provider == provider.name and model.digest for model in models)
    assert all("completion" in model.capabilities for model in models)
    assert counter.context_length == 32_768
    assert not counter.demo
    assert "thinking" in thinker.capabilities
    assert "thinking" not in counter.capabilities


async def test_says_what_a_run_needs(target: Target) -> None:
    async with target() as provider:
        setup = await provider.setup(await model_named(provider, "counter"))
    assert 4096 <= setup.num_ctx <= 32_768
    assert setup.can_prefill
    assert setup.model.name.startswith("counter")


async def test_relays_an_answer_without_gap_or_repeat(target: Target) -> None:
    async with target() as provider:
        reply = await ask(provider, request("counter"))
    assert reply.finished.reason == "stop"
    assert reply.text == NUMBERS
    usage = reply.finished.usage
    assert usage.prompt_tokens
    assert usage.completion_tokens
    assert usage.completion_tokens >= 400
    assert usage.total_ms is not None
    assert usage.tokens_per_second
    assert usage.tokens_per_second > 1


async def test_ends_at_the_length_asked_for(target: Target) -> None:
    async with target() as provider:
        reply = await ask(provider, request("counter", num_predict=6))
    assert reply.finished.reason == "length"
    assert reply.text == " 1 2 3 4 5 6"
    assert reply.finished.usage.completion_tokens == 6


async def test_ends_before_a_stop_sequence(target: Target) -> None:
    async with target() as provider:
        reply = await ask(provider, request("counter", stop=(" 5",)))
    assert reply.finished.reason == "stop"
    assert reply.text == " 1 2 3 4"


async def test_goes_on_with_an_answer_that_has_begun(target: Target) -> None:
    async with target() as provider:
        reply = await ask(provider, request("counter", " 55 56 57", num_predict=6))
    assert reply.text == " 58 59 60 61 62 63"
    assert reply.finished.reason == "length"


async def test_thinks_before_it_answers(target: Target) -> None:
    async with target() as provider:
        reply = await ask(provider, request("thinker"))
    assert reply.thinking.split() == list("abcdefghijklmnopqrst")
    assert reply.text.split() == [str(n) for n in range(1, 41)]
    assert reply.finished.reason == "stop"
    first_text = next(index for index, chunk in enumerate(reply.chunks) if isinstance(chunk, TextChunk))
    assert not any(isinstance(chunk, TextChunk) for chunk in reply.chunks[:first_text])


async def test_asks_for_a_tool(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    send_also(monkeypatch, tools=TOOL)  # chats carry no tools yet, the wire below does
    async with target() as provider:
        reply = await ask(provider, request("tooler"))
    calls = [chunk for chunk in reply.chunks if isinstance(chunk, ToolCallChunk)]
    assert [(call.name, call.arguments) for call in calls] == [("get_time", {"zone": "UTC"})]
    assert calls[0].id
    assert reply.finished.reason == "stop"


async def test_a_model_that_is_not_there(target: Target) -> None:
    async with target() as provider:
        reply = await ask(provider, request("nope"))
    assert isinstance(reply.error, ModelNotFound)
    assert "nope" in reply.error.message
    assert not reply.chunks


async def test_an_answer_left_behind_disturbs_no_other(target: Target) -> None:
    async with target() as provider:
        async with aclosing(streamed(provider, request("counter"))) as stream:
            first = await anext(stream)
        assert isinstance(first[0], TextChunk)
        assert first[0].text.startswith(" 1")
        assert (await ask(provider, request("counter", num_predict=6))).text == " 1 2 3 4 5 6"
