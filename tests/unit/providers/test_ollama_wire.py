"""What is sent to Ollama, and the words for what it answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart, ThinkingPart, ToolCallPart
from jupyter_aichat.errors import ProviderError
from jupyter_aichat.providers.base import ChatRequest, PromptMessage
from jupyter_aichat.providers.exchange import Answer, Fault, FaultKind
from jupyter_aichat.providers.ollama_errors import Wording
from jupyter_aichat.providers.ollama_template import leaves_open
from jupyter_aichat.providers.ollama_wire import encode_chat

HI = PromptMessage("user", (TextPart("hi"),))


def sent(request: ChatRequest, think: bool | None = None, keep_alive: int | str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(encode_chat(request, think=think, keep_alive=keep_alive))
    return body


def test_the_plain_request() -> None:
    assert sent(ChatRequest("m", (HI,), 4096)) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "options": {"num_ctx": 4096},
        "stream": True,
        "shift": False,
    }


def test_every_option_but_ours() -> None:
    options = Options(
        temperature=0.5, top_p=0.9, top_k=40, min_p=0.1, seed=7, stop=("a", "b"), num_predict=10, repeat_penalty=1.1,
        repeat_last_n=64, presence_penalty=0.0, frequency_penalty=0.0, num_ctx=512, system="never here", think=True,
    )  # fmt: skip
    body = sent(ChatRequest("m", (HI,), 4096, options))
    assert body["options"] == {
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "seed": 7, "stop": ["a", "b"], "num_predict": 10,
        "repeat_penalty": 1.1, "repeat_last_n": 64, "presence_penalty": 0.0, "frequency_penalty": 0.0, "num_ctx": 4096,
    }  # fmt: skip
    assert "think" not in body


@pytest.mark.parametrize("think", [True, False])
def test_think_and_keep_alive_where_given(think: bool) -> None:
    body = sent(ChatRequest("m", (HI,), 4096), think=think, keep_alive="1h")
    assert body["think"] is think
    assert body["keep_alive"] == "1h"
    assert sent(ChatRequest("m", (HI,), 4096), keep_alive=0)["keep_alive"] == 0


def test_all_parts_of_a_message() -> None:
    parts = (ThinkingPart("hm"), TextPart("a"), TextPart("b"), ToolCallPart("1", "f", {"x": 1}))
    body = sent(ChatRequest("m", (HI, PromptMessage("assistant", parts)), 4096))
    assert body["messages"][1] == {
        "role": "assistant",
        "content": "ab",
        "thinking": "hm",
        "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}],
    }


@pytest.mark.parametrize("kind", FaultKind)
def test_every_fault_has_words_that_name_the_server(kind: FaultKind) -> None:
    error = Wording("gpu:11434", "m").fault(Fault(kind))
    assert isinstance(error, ProviderError)
    assert "gpu:11434" in error.message
    assert error.message.endswith(".")


@pytest.mark.parametrize(
    "words",
    [
        "unable to load model: /srv/ann/.ollama/models/blobs/sha256-12",
        "open /opt/x/y: no such file",
        'bad file "/usr/share/ollama/z"',
        r"open C:\Users\ann\.ollama\models\x: denied",
        "~/.ollama/models is full",
    ],
)
def test_paths_of_the_server_are_not_shown(words: str) -> None:
    message = Wording("gpu:11434").line(words).message
    assert "…" in message
    assert "ann" not in message
    assert "ollama/" not in message.removeprefix("Ollama at gpu:11434 says")


def test_long_words_are_cut() -> None:
    assert len(Wording("gpu:11434").line("x" * 10_000).message) < 400


def test_a_refusal_without_a_model_is_no_missing_model() -> None:
    error = Wording("gpu:11434").refusal(Answer(404, "application/json", b'{"error":"x"}'))
    assert type(error) is ProviderError


@pytest.mark.parametrize(
    ("renderer", "stays_open"), [("qwen3-coder", True), ("olmo3", True), ("glm-4.7", False), ("new", False)]
)
def test_built_in_renderers(renderer: str, stays_open: bool) -> None:
    assert leaves_open("{{ .Prompt }}", renderer) is stays_open


def test_a_model_without_a_template() -> None:
    assert not leaves_open("")


def test_a_variable_that_only_begins_like_the_last_one() -> None:
    template = "{{ range .Messages }}{{ if not $lastUserIdx }}x{{ end }}{{ .Content }}<|end|>{{ end }}"
    assert not leaves_open(template)
