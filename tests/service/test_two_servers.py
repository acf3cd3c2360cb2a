"""DESIGN of a run, 6 to 8: what is done on one server is seen on the other, which shares the file."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.processes import ServerProcess, numbers, serving, text_of, within

PACE_MS = 50


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def here(folder: Path) -> Iterator[ServerProcess]:
    with serving(folder, "here") as server:
        yield server


@pytest.fixture(scope="module")
def there(folder: Path) -> Iterator[ServerProcess]:
    with serving(folder, "there") as server:
        yield server


class Stream:
    """Server-sent events, collected behind the test; each with the moment of its arrival."""

    def __init__(self, server: ServerProcess, path: str) -> None:
        self.events: list[tuple[float, dict[str, Any]]] = []
        self._server, self._path = server, path
        self.over = threading.Event()

    def listen(self) -> None:
        client = self._server.server.http
        try:
            with client.stream("GET", self._path) as answer:
                answer.raise_for_status()
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        self.events.append((time.monotonic(), json.loads(line[5:])))
                    if self.over.is_set():
                        return
        except httpx.TransportError:
            pass  # the server goes
        finally:
            self.over.set()

    def text(self) -> str:
        so_far = ""
        for _, frame in tuple(self.events):
            event = frame["event"]
            if event["type"] == "snapshot":
                so_far = text_of(event["message"])
            elif event["type"] == "text_delta":
                so_far += event["text"]
        return so_far

    def end(self) -> dict[str, Any]:
        last: dict[str, Any] = self.events[-1][1]["event"]
        assert last["type"] == "run_finished"
        return last


@contextmanager
def streaming(server: ServerProcess, path: str) -> Iterator[Stream]:
    stream = Stream(server, path)
    thread = threading.Thread(target=stream.listen, daemon=True)
    thread.start()
    yield stream
    stream.over.set()


def test_a_reader_follows_a_run_of_the_other_server(here: ServerProcess, there: ServerProcess) -> None:
    sent = here.send(f"counter-100-{PACE_MS}")
    run = sent["run"]["id"]
    with streaming(here, f"/runs/{run}/events?after=0") as live, streaming(there, f"/runs/{run}/events?after=0") as far:
        behind = []
        while not live.over.is_set():
            time.sleep(0.1)
            assert live.text().startswith(far.text())
            behind.append(len(live.text().split()) - len(far.text().split()))
        assert far.over.wait(4)
        assert live.text() == far.text() == numbers(1, 100)
        assert live.end() == far.end()
        assert max(behind) * PACE_MS <= 2000
        seqs = [frame["seq"] for _, frame in far.events]
        assert seqs == sorted(set(seqs))


def test_a_reader_moves_between_servers_without_gap_or_repeat(here: ServerProcess, there: ServerProcess) -> None:
    sent = here.send("counter-150-20")
    run, seen, after = sent["run"]["id"], "", 0
    for n in range(20):
        server = (here, there)[n % 2]
        with streaming(server, f"/runs/{run}/events?after={after}") as stream:
            stream.over.wait(0.4)
        frames = [frame for _, frame in tuple(stream.events)]
        for frame in frames:
            assert frame["seq"] > after
            event, after = frame["event"], frame["seq"]
            if event["type"] == "snapshot":
                assert text_of(event["message"]).startswith(seen)
                seen = text_of(event["message"])
            elif event["type"] == "text_delta":
                seen += event["text"]
            assert numbers(1, 150).startswith(seen)
        if frames and frames[-1]["event"]["type"] == "run_finished":
            break
    assert seen == numbers(1, 150)


def test_a_stop_on_one_server_stops_the_other(here: ServerProcess, there: ServerProcess) -> None:
    sent = here.send(f"endless-{PACE_MS}")
    run = sent["run"]["id"]
    with streaming(here, f"/runs/{run}/events?after=0") as live:
        within(5, live.text)
        answer = there.server.http.delete(f"/runs/{run}")
        assert (answer.status_code, answer.json()["run"]["id"]) == (202, run)
        assert live.over.wait(2)
        assert (live.end()["state"], live.end()["reason"]) == ("stopped", "user")
    assert there.server.http.delete(f"/runs/{run}").status_code == 200
    assert text_of(there.message(sent)) == live.text()


def test_a_delete_on_one_server_cancels_on_the_other(here: ServerProcess, there: ServerProcess) -> None:
    sent = here.send(f"endless-{PACE_MS}")
    run, chat = sent["run"]["id"], sent["reply"]["chat_id"]
    with streaming(here, f"/runs/{run}/events?after=0") as live:
        within(5, live.text)
        there.server.json("DELETE", f"/chats/{chat}")
        assert live.over.wait(2)
        assert live.end()["reason"] == "deleted"
    for server in (here, there):
        assert server.server.http.get(f"/chats/{chat}").status_code == 404
        assert server.server.http.get(f"/runs/{run}").status_code == 404


def test_changes_on_one_server_are_told_on_the_other(here: ServerProcess, there: ServerProcess) -> None:
    with streaming(there, "/events") as stream:
        within(5, lambda: stream.events)
        begun = time.monotonic()
        sent = here.send("counter-3-1")
        chat = sent["reply"]["chat_id"]
        here.server.json("PATCH", f"/chats/{chat}", {"title": "renamed"})
        here.server.json("DELETE", f"/chats/{chat}")

        def heard() -> list[str]:
            return [
                frame["change"]
                for _, frame in tuple(stream.events)
                if frame.get("chat_id") == chat and "change" in frame
            ]

        within(3, lambda: len(heard()) >= 4)
        assert heard() == ["created", "message", "updated", "deleted"]
        assert stream.events[-1][0] - begun < 2


def test_one_key_sent_to_both_is_one_run(here: ServerProcess, there: ServerProcess) -> None:
    chat = here.server.json("POST", "/chats", {})["id"]
    body = {"text": "Count.", "model": "counter-20-5", "idempotency_key": "both"}
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda s=server: answers.append(s.server.json("POST", f"/chats/{chat}/messages", body)))
        for server in (here, there) * 3
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert len({(answer["message"]["id"], answer["reply"]["id"], answer["run"]["id"]) for answer in answers}) == 1
    within(5, lambda: there.message(answers[0])["status"] == "completed")


def test_sigterm_interrupts_at_once_and_the_other_goes_on(folder: Path, there: ServerProcess) -> None:
    mine = there.send(f"counter-60-{PACE_MS}")
    with serving(folder, "leaving") as leaving:
        sent = leaving.send(f"endless-{PACE_MS}")
        others = [leaving.send(f"endless-{PACE_MS}") for _ in range(30)]
        run = sent["run"]["id"]
        with streaming(there, f"/runs/{run}/events?after=0") as far:
            within(5, far.text)
            seen = text_of(leaving.message(sent))
            assert leaving.server.terminate() < 6
            reply = there.message(sent)
            assert (reply["status"], reply["reason"]) == ("interrupted", "server_stopping")
            assert text_of(reply).startswith(seen)
            assert {there.run(each)["state"] for each in others} == {"interrupted"}
            assert far.over.wait(2)
            assert (far.text(), far.end()["state"]) == (text_of(reply), "interrupted")
    within(10, lambda: there.message(mine)["status"] == "completed")
    assert text_of(there.message(mine)) == numbers(1, 60)
