"""DESIGN of a run, 8: two servers and a kernel on one file, each killed with -9 in mid-answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.service.processes import Process, engine_alone, numbers, serving, text_of, within

PACE_MS = 25
LAST = 400
MODEL = f"counter-{LAST}-{PACE_MS}"
LOST = 1.5 * 1000 / PACE_MS
"""What one second of an answer is, with half of one for a busy machine."""


@pytest.fixture
def three(tmp_path: Path) -> Iterator[dict[str, Process]]:
    with ExitStack() as stack:
        processes: list[Process] = [
            stack.enter_context(serving(tmp_path, "first")),
            stack.enter_context(serving(tmp_path, "second")),
            stack.enter_context(engine_alone(tmp_path)),
        ]
        yield {process.name: process for process in processes}


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["first", "second", "engine"])
def test_what_a_killed_process_wrote_is_interrupted_and_continued_elsewhere(
    three: dict[str, Process], victim: str
) -> None:
    dead, *living = sorted(three.values(), key=lambda process: process.name != victim)
    sent = {process.name: process.send(MODEL) for process in three.values()}
    lost = sent[victim]
    within(10, lambda: len(text_of(dead.message(lost)).split()) > 2.5 * 1000 / PACE_MS)
    before = text_of(dead.message(lost))
    dead.kill()
    killed = time.monotonic()

    # All others see it end, with at most its last second missing, and their own go on
    for process in living:
        message = within(7, partial(_ended, process, lost))
        assert (message["status"], message["reason"]) == ("interrupted", "server_restarted")
        kept = text_of(message)
        assert kept == numbers(1, len(kept.split()))
        assert len(before.split()) - len(kept.split()) <= LOST
        assert process.run(lost)["state"] == "interrupted"
    assert time.monotonic() - killed < 7.5
    for process in living:
        assert process.run(sent[process.name])["state"] in ("streaming", "completed")

    # Any of them goes on with it, without gap or repeat
    here, there = living
    again = here.resume(lost)
    assert again["reply"]["id"] == lost["reply"]["id"]
    for process in living:
        message = within(15, partial(_ended, process, sent[process.name]))
        assert (message["status"], text_of(message)) == ("completed", numbers(1, LAST))
    message = within(15, partial(_ended, there, lost))
    assert (message["status"], text_of(message)) == ("completed", numbers(1, LAST))
    assert [mark["cause"] for mark in message["continuations"]] == ["user"]


def _ended(process: Process, sent: dict[str, dict[str, str]]) -> dict[str, object] | None:
    message = process.message(sent)
    return message if message["status"] not in ("pending", "streaming") else None


@pytest.mark.slow
def test_all_killed_at_once_the_next_start_ends_everything(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes: list[Process] = [
            stack.enter_context(serving(tmp_path, "first")),
            stack.enter_context(engine_alone(tmp_path)),
        ]
        sent = [process.send(MODEL) for process in processes for _ in range(3)]
        time.sleep(2)
        for process in processes:
            process.kill()
    with engine_alone(tmp_path) as engine:
        for each in sent:  # at once: the start looks, not the first beat
            assert engine.message(each)["status"] == "interrupted"
            assert len(text_of(engine.message(each)).split()) >= 0.5 * 1000 / PACE_MS
        engine.stop()
    assert not list(tmp_path.glob("*.lock"))
