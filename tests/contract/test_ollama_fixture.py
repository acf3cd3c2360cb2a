"""The real Ollama of the tests answers what its models are made to answer."""

from __future__ import annotations

import http.client
import json
from typing import Any

from tests.ollama.server import OllamaServer

ASK = [{"role": "user", "content": "hi"}]


def chat(url: str, model: str, **more: Any) -> list[dict[str, Any]]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request("POST", "/api/chat", json.dumps({"model": model, "messages": ASK, **more}))
        answer = connection.getresponse()
        assert answer.status == http.client.OK
        return [json.loads(line) for line in answer]
    finally:
        connection.close()


def text(chunks: list[dict[str, Any]]) -> str:
    return "".join(chunk["message"]["content"] for chunk in chunks)


def test_counter_says_1_to_400(ollama: str) -> None:
    chunks = chat(ollama, "counter")

    assert text(chunks).split() == [str(n) for n in range(1, 401)]
    assert chunks[-1]["done_reason"] == "stop"


def test_slow_counter_is_slow_enough_to_be_interrupted(ollama: str) -> None:
    chunks = chat(ollama, "slow-counter", options={"num_predict": 12})

    assert text(chunks).split() == [str(n) for n in range(1, 13)]
    assert chunks[-1]["eval_duration"] / 12 > 10e6  # ns: fewer than 100 tokens a second


def test_a_killed_server_comes_back_at_the_same_url(own_ollama: OllamaServer) -> None:
    url = own_ollama.url
    chat(url, "counter", options={"num_predict": 1})
    assert len(own_ollama.runners()) == 1

    own_ollama.kill()
    assert own_ollama.runners() == []
    own_ollama.start()

    assert own_ollama.url == url
    assert text(chat(url, "counter", options={"num_predict": 3})).split() == ["1", "2", "3"]
