"""A real server relays a real Ollama: over REST and server-sent events, and when parts of Ollama die in mid-answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ollama.server import OllamaServer
from tests.server.client import counted, text_of
from tests.server.process import Server, running

PATIENCE_S = 30.0

Json = dict[str, Any]


def settings(url: str) -> tuple[str, str]:
    """Ollama alone: a scripted model would be taken for the real one of the same name."""
    return f"--OllamaProvider.url={url}", "--ScriptedProvider.scenarios=False"


@pytest.fixture(scope="module")
def server(ollama: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server"), *settings(ollama)) as server:
        yield server


@pytest.fixture
def frail(own_ollama: OllamaServer, tmp_path: Path) -> Iterator[Server]:
    """A server whose Ollama the test may kill."""
    with running(tmp_path, *settings(own_ollama.url)) as server:
        yield server


def send(server: Server, model: str, **options: Any) -> Json:
    chat = server.json("POST", "/chats", {})["id"]
    body = {"text": "Count.", "model": model, "options": options}
    sent: Json = server.json("POST", f"/chats/{chat}/messages", body)
    return sent


def frames(server: Server, sent: Json) -> Iterator[Json]:
    """Yield the frames of a run as they come."""
    with server.http.stream("GET", f"/runs/{sent['run']['id']}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def reply_of(server: Server, sent: Json) -> Json:
    items: list[Json] = server.json("GET", f"/chats/{sent['run']['chat_id']}/messages")["items"]
    return next(message for message in items if message["id"] == sent["reply"]["id"])


def wait_until(ready: Callable[[], bool]) -> float:
    """Return the seconds that it took."""
    begun = time.monotonic()
    while not ready():
        assert time.monotonic() - begun < PATIENCE_S
        time.sleep(0.02)
    return time.monotonic() - begun


def until_text(server: Server, sent: Json, then: Callable[[], object], tokens: int = 8) -> list[Json]:
    """Read a run to its end and do something once so many tokens have come."""
    found: list[Json] = []
    done = False
    for frame in frames(server, sent):
        found.append(frame)
        if not done and len(text_of(found).split()) >= tokens:
            done = True
            then()
    assert done
    return found


def busy_s(ollama: OllamaServer) -> float:
    """The processor seconds that Ollama's runners have used."""
    return float(sum(sum(runner.cpu_times()[:2]) for runner in ollama.runners()))


def is_idle(ollama: OllamaServer) -> bool:
    """Whether the runners rest for half a second."""
    before = busy_s(ollama)
    time.sleep(0.5)
    return busy_s(ollama) - before < 0.05


def test_an_answer_is_relayed_without_gap_or_repeat(server: Server) -> None:
    sent = send(server, "counter", num_predict=1000)
    found = list(frames(server, sent))
    assert text_of(found) == counted(400)
    seqs = [frame["seq"] for frame in found]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert found[-1]["event"]["state"] == "completed"
    reply = reply_of(server, sent)
    assert reply["parts"] == [{"type": "text", "text": counted(400)}]
    assert (reply["status"], len(reply["digest"]) >= 12) == ("completed", True)
    assert reply["usage"]["completion_tokens"] >= 400


def test_an_answer_cut_by_its_length_is_continued(server: Server) -> None:
    sent = send(server, "counter", num_predict=50)
    list(frames(server, sent))
    reply = reply_of(server, sent)
    assert (reply["status"], reply["reason"], reply["parts"][0]["text"]) == ("completed", "length", counted(50))
    path = f"/chats/{reply['chat_id']}/messages/{reply['id']}/continue"
    rest = server.json("POST", path, {"options": {"num_predict": 1000}})
    found = list(frames(server, rest))
    assert found[0]["event"]["type"] == "snapshot"
    assert text_of(found) == counted(400)
    continued = reply_of(server, sent)
    assert continued["parts"][0]["text"] == counted(400)
    assert [each["cause"] for each in continued["continuations"]] == ["user"]
    assert continued["continuations"][0]["offset"] == len(counted(50))


def test_thinking_is_a_part_of_its_own(server: Server) -> None:
    sent = send(server, "thinker")
    list(frames(server, sent))
    thinking, answer = reply_of(server, sent)["parts"]
    assert (thinking["type"], thinking["text"].split()) == ("thinking", list("abcdefghijklmnopqrst"))
    assert (answer["type"], answer["text"].split()) == ("text", [str(n) for n in range(1, 41)])


def test_a_stop_ends_the_answer_within_a_second_and_frees_the_runner(frail: Server, own_ollama: OllamaServer) -> None:
    sent = send(frail, "slow-endless")
    asked: list[float] = []

    def stop() -> None:
        asked.append(time.monotonic())
        frail.json("DELETE", f"/runs/{sent['run']['id']}")

    found = until_text(frail, sent, stop)
    assert found[-1]["event"]["state"] == "stopped"
    assert time.monotonic() - asked[0] < 1
    # the token under way is finished first, slowly on a busy machine
    assert wait_until(lambda: is_idle(own_ollama)) < 5
    kept = reply_of(frail, sent)
    assert (kept["status"], kept["parts"][0]["text"]) == ("stopped", text_of(found))


def test_a_runner_that_dies_leaves_its_text_and_the_next_answer_comes(frail: Server, own_ollama: OllamaServer) -> None:
    sent = send(frail, "slow-endless")

    def kill() -> None:
        for runner in own_ollama.runners():
            runner.kill()

    found = until_text(frail, sent, kill)
    end = found[-1]["event"]
    assert end["state"] in ("failed", "interrupted")
    assert end["error"]["message"]
    reply = reply_of(frail, sent)
    assert reply["status"] == end["state"]
    assert reply["parts"][0]["text"] == text_of(found)
    assert counted(1000).startswith(text_of(found))
    assert text_of(list(frames(frail, send(frail, "counter", num_predict=1000)))) == counted(400)


def test_an_ollama_that_is_killed_and_comes_back(frail: Server, own_ollama: OllamaServer) -> None:
    sent = send(frail, "slow-endless")
    found = until_text(frail, sent, own_ollama.kill)
    assert found[-1]["event"]["state"] == "interrupted"
    kept = text_of(found)
    assert reply_of(frail, sent)["parts"][0]["text"] == kept

    wait_until(lambda: frail.json("GET", "/models")["providers"][0]["state"] == "unreachable")
    refused = send(frail, "slow-counter")
    end = list(frames(frail, refused))[-1]["event"]
    assert (end["state"], end["error"]["code"]) == ("failed", "provider_unreachable")
    assert "ollama serve" in end["error"]["message"]

    own_ollama.start()
    wait_until(lambda: frail.json("GET", "/models")["providers"][0]["state"] == "ok")
    path = f"/chats/{sent['run']['chat_id']}/messages/{sent['reply']['id']}/continue"
    rest = frail.json("POST", path, {})
    grown = until_text(frail, rest, lambda: frail.json("DELETE", f"/runs/{rest['run']['id']}"), len(kept.split()) + 5)
    text = text_of(grown)
    assert len(text.split()) >= len(kept.split()) + 5
    assert text == counted(len(text.split()))


def test_models_of_an_ollama_that_starts_later_are_offered(own_ollama: OllamaServer, tmp_path: Path) -> None:
    own_ollama.kill()
    with running(tmp_path, *settings(own_ollama.url)) as server:
        models = server.json("GET", "/models")
        assert [(model["name"], model["demo"]) for model in models["items"]] == [("demo", True)]
        assert models["providers"][0]["error"]["code"] == "provider_unreachable"
        own_ollama.start()
        wait_until(lambda: "counter:latest" in [m["name"] for m in server.json("GET", "/models")["items"]])
        assert not any(model["demo"] for model in server.json("GET", "/models")["items"])


def test_a_model_that_is_not_there_says_how_to_get_it(server: Server) -> None:
    end = list(frames(server, send(server, "nowhere")))[-1]["event"]
    assert (end["state"], end["error"]["code"]) == ("failed", "model_not_found")
    assert "ollama pull nowhere" in end["error"]["message"]
