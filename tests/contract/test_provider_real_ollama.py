"""What only the real Ollama shows: what it does with our options, with a full window, and when parts of it die."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import msgspec
import pytest

from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.errors import ProviderError, ProviderUnreachable, StreamInterrupted
from jupyter_aichat.providers.base import ChatRequest, Chunk, PromptMessage, TextChunk
from jupyter_aichat.providers.ollama import OllamaProvider
from tests.contract.provider_targets import Reply, ask, model_named, opened, request, send_also, streamed
from tests.ollama.server import OllamaServer


def spoken(*texts: str) -> tuple[PromptMessage, ...]:
    """Return messages, user and assistant in turn."""
    return tuple(PromptMessage(("user", "assistant")[n % 2], (TextPart(text),)) for n, text in enumerate(texts))


async def read_until(provider: OllamaProvider, wanted: ChatRequest, tokens: int, then: asyncio.Event) -> Reply:
    """Read an answer to its end and say when it has come so far."""
    reply = Reply()

    def hear(chunks: tuple[Chunk, ...]) -> None:
        reply.chunks += chunks
        if len(reply.text.split()) >= tokens:
            then.set()

    try:
        await provider.chat(wanted, hear)
    except ProviderError as error:
        reply.error = error
    finally:
        then.set()
    return reply


async def test_says_which_model_is_loaded(ollama: str) -> None:
    async with opened(OllamaProvider(url=ollama)) as provider:
        await ask(provider, request("counter", num_predict=1))
        assert (await model_named(provider, "counter")).loaded


async def test_a_prompt_that_is_cut_shows_in_its_count(ollama: str) -> None:
    """Ollama drops the oldest messages in silence; the count is the only tell."""
    messages = spoken(*["x" * 40, "y" * 40] * 6, "hi")
    async with opened(OllamaProvider(url=ollama)) as provider:
        cut = await ask(provider, ChatRequest("counter", messages, 256))
        whole = await ask(provider, ChatRequest("counter", messages, 4096))
    assert cut.finished.usage.prompt_tokens is not None
    assert whole.finished.usage.prompt_tokens is not None
    assert cut.finished.usage.prompt_tokens <= 256 < whole.finished.usage.prompt_tokens


async def test_a_full_window_ends_the_answer(ollama: str) -> None:
    async with opened(OllamaProvider(url=ollama)) as provider:
        reply = await ask(provider, request("endless", num_ctx=256, num_predict=1000))
    assert reply.finished.reason == "length"
    numbers = reply.text.split()
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]
    assert 200 < len(numbers) < 256


async def test_thinking_that_is_turned_off(ollama: str) -> None:
    """The chain thinks anyway; Ollama then leaves the tags in the text."""
    async with opened(OllamaProvider(url=ollama)) as provider:
        reply = await ask(provider, request("thinker", think=False))
    assert reply.thinking == ""
    assert reply.text.startswith("<think> a b")


async def test_thinking_is_never_asked_of_a_model_without_it(ollama: str) -> None:
    async with opened(OllamaProvider(url=ollama)) as provider:
        reply = await ask(provider, request("counter", think=True, num_predict=3))
    assert reply.text == " 1 2 3"
    assert reply.finished.reason == "length"


async def test_an_option_of_the_wrong_type(ollama: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours are checked before; should one slip through, Ollama's own words reach the person."""
    send_also(monkeypatch, options={"temperature": "hot"})
    async with opened(OllamaProvider(url=ollama)) as provider:
        reply = await ask(provider, request("counter"))
    assert type(reply.error) is ProviderError
    assert 'option "temperature" must be of type float32' in str(reply.error)


async def test_hanging_up_frees_the_runner(own_ollama: OllamaServer) -> None:
    async with opened(OllamaProvider(url=own_ollama.url)) as provider:
        async with aclosing(streamed(provider, request("slow-endless"))) as stream:
            for _ in range(3):
                await anext(stream)
        assert await _comes_to_rest(own_ollama)
        reply = await ask(provider, request("counter", num_predict=3))
        assert reply.text == " 1 2 3"


async def test_hanging_up_before_the_first_token(own_ollama: OllamaServer) -> None:
    """A request that waits for the runner does not run when its turn comes."""
    async with opened(OllamaProvider(url=own_ollama.url)) as provider:
        first = asyncio.Event()
        running = asyncio.create_task(read_until(provider, request("slow-endless"), 1, first))
        await first.wait()
        waiting = asyncio.create_task(ask(provider, request("slow-endless")))
        await asyncio.sleep(0.3)
        started = time.monotonic()
        for task in (waiting, running):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert time.monotonic() - started < 1
        assert await _comes_to_rest(own_ollama)


async def test_a_runner_killed_in_mid_answer(own_ollama: OllamaServer) -> None:
    async with opened(OllamaProvider(url=own_ollama.url)) as provider:
        begun = asyncio.Event()
        reading = asyncio.create_task(read_until(provider, request("slow-counter"), 5, begun))
        await begun.wait()
        for runner in own_ollama.runners():
            runner.kill()
        reply = await asyncio.wait_for(reading, 10)
        numbers = reply.text.split()
        assert len(numbers) >= 5
        assert numbers == [str(n) for n in range(1, len(numbers) + 1)]
        assert type(reply.error) is ProviderError
        assert "has died" in str(reply.error)
        assert (await ask(provider, request("slow-counter", num_predict=2))).text == " 1 2"


async def test_a_server_killed_in_mid_answer(own_ollama: OllamaServer) -> None:
    async with opened(OllamaProvider(url=own_ollama.url)) as provider:
        begun = asyncio.Event()
        reading = asyncio.create_task(read_until(provider, request("slow-counter"), 5, begun))
        await begun.wait()
        await asyncio.to_thread(own_ollama.kill)
        reply = await asyncio.wait_for(reading, 10)
        numbers = reply.text.split()
        assert numbers == [str(n) for n in range(1, len(numbers) + 1)]
        assert isinstance(reply.error, StreamInterrupted)
        gone = await ask(provider, request("counter"))
        assert isinstance(gone.error, ProviderUnreachable)
        assert "ollama serve" in str(gone.error)
        await asyncio.to_thread(own_ollama.start)
        resumed = await ask(provider, request("slow-counter", reply.text, num_predict=2))
        last = int(numbers[-1])
        assert resumed.text == f" {last + 1} {last + 2}"


async def test_the_first_text_comes_as_soon_as_there_is_one(ollama: str) -> None:
    async with opened(OllamaProvider(url=ollama)) as provider:
        await ask(provider, request("slow-counter", num_predict=1))
        async with aclosing(streamed(provider, request("slow-counter"))) as stream:
            async for chunks in stream:
                assert chunks == (TextChunk(" 1"),)
                break


async def _comes_to_rest(server: OllamaServer) -> bool:
    """Whether the runners compute nothing for a second, soon: late steps of theirs may wait for a processor."""
    for _ in range(5):
        before = _cpu_seconds(server)
        await asyncio.sleep(1)
        if _cpu_seconds(server) - before < 0.1:
            return True
    return False


def _cpu_seconds(server: OllamaServer) -> float:
    """Return what all runners have used."""
    runners = server.runners()
    assert runners, "the model is still loaded"
    times = [runner.cpu_times() for runner in runners]
    return float(sum(used.user + used.system for used in times))


LLAMA31 = (
    '{{- range $i, $_ := .Messages }}{{- $last := eq (len (slice $.Messages $i)) 1 }}{{- if eq .Role "user" }}'
    "<|user|>{{ .Content }}<|end|>{{ if $last }}<|assistant|>{{ end }}"
    '{{- else if eq .Role "assistant" }}<|assistant|>{{ .Content }}{{ if not $last }}<|end|>{{ end }}{{- end }}{{- end }}'
)
MISTRAL = (
    '{{- range $i, $_ := .Messages }}{{- if eq .Role "user" }}[INST] {{ .Content }}[/INST]'
    '{{- else if eq .Role "assistant" }} {{ .Content }}{{- if not (eq (len (slice $.Messages $i)) 1) }}</s>{{- end }}'
    "{{- end }}{{- end }}"
)
CHATML = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
LEGACY = "{{ if .System }}<|system|>{{ .System }}<|end|>{{ end }}<|user|>{{ .Prompt }}<|end|><|assistant|>{{ .Response }}<|end|>"


@pytest.mark.parametrize(
    ("template", "stays_open"),
    [(LLAMA31, True), (MISTRAL, True), (CHATML, False), (LEGACY, True), ("{{ .Prompt }}", True)],
    ids=["llama3.1", "mistral", "chatml", "legacy", "bare"],
)
async def test_what_we_read_from_a_template_is_what_ollama_does_with_it(
    own_ollama: OllamaServer, template: str, stays_open: bool
) -> None:
    async with opened(OllamaProvider(url=own_ollama.url)) as provider:
        http = provider._client
        body = {"model": "made", "from": "counter", "template": template, "stream": False}
        made = await http.ask("POST", "api/create", msgspec.json.encode(body), timeout_s=20)
        assert made.status == 200, made.body
        setup = await provider.setup(await model_named(provider, "made"))
        talk = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "and so"}]
        body = {"model": "made", "messages": talk, "_debug_render_only": True, "stream": False}
        rendered = await http.ask("POST", "api/chat", msgspec.json.encode(body), timeout_s=20)
    prompt = msgspec.json.decode(rendered.body)["_debug_info"]["rendered_template"]
    assert prompt.endswith("and so") is stays_open
    assert setup.can_prefill is stays_open
