"""What people who use a service are told of its model server: nothing of where it is, or of what only its operator can do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.redis_server import free_port
from tests.service.processes import within
from tests.service_app.process import Person, Service

PORT = free_port()


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    return (f"--OllamaProvider.url=http://127.0.0.1:{PORT}", "--ScriptedProvider.names=fail-provider_error-after-3")


def _is_discreet(said: Any) -> bool:
    text = json.dumps(said)
    return not any(word in text for word in (str(PORT), "127.0.0.1", "OLLAMA_HOST", "ollama serve", "OllamaProvider"))


def test_the_list_of_models_does_not_say_where_the_server_is(service: Service, ada: Person) -> None:
    models = ada.json("GET", "/models")
    (ollama,) = [each for each in models["providers"] if each["name"] == "ollama"]
    assert ollama["state"] == "unreachable"
    assert "administrator" in ollama["error"]["message"]
    assert _is_discreet(models)
    assert str(PORT) in service.log.read_text()


def test_nor_does_an_answer_that_failed(ada: Person) -> None:
    sent = ada.send("llama-that-is-nowhere")
    chat = sent["reply"]["chat_id"]

    def reply() -> Any:
        messages = ada.json("GET", f"/chats/{chat}/messages")["items"]
        return next(each for each in messages if each["id"] == sent["reply"]["id"] and each["status"] == "failed")

    failed = within(10, lambda: _found(reply))
    assert failed["error"]["code"] == "provider_unreachable"
    assert _is_discreet(failed)


def _found(look: Any) -> Any:
    try:
        return look()
    except StopIteration:
        return None
