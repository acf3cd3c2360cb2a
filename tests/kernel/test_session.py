"""What a kernel remembers, and its loop."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest

from jupyter_aichat.domain.event import (
    Context,
    QueuePosition,
    RunFinished,
    RunStarted,
    TextDelta,
    ThinkingDelta,
    UsageEvent,
)
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.kernel.answer import Answer, summary
from jupyter_aichat.kernel.display import meanwhile
from jupyter_aichat.kernel.loop import BackgroundLoop
from jupyter_aichat.kernel.session import Cells, Question, Session, current_session


def test_a_cells_questions_are_known_by_their_place() -> None:
    cells = Cells()
    one, two, other = Question("c", "1", None), Question("c", "2", "r1"), Question("c", "3", None)
    for question in (one, two):
        assert cells.earlier("cell", "first") is None
        cells.asked(question)
    assert cells.earlier("cell", "again") == one
    cells.asked(other)
    assert cells.earlier("cell", "again") is None, "the questions after a changed one belong to another branch"
    assert cells.earlier("cell", "third") == other


def test_a_question_that_was_refused_leaves_its_place() -> None:
    cells = Cells()
    one = Question("c", "1", None)
    cells.earlier("cell", "first")
    cells.asked(one)
    assert cells.earlier("cell", "again") == one
    assert cells.earlier("cell", "again") == one


def test_watchers_are_told_of_another_chat_once() -> None:
    session, told = Session(), list[str | None]()
    forget = session.watch(told.append)
    session.use("a")
    session.use("a")
    session.use(None)
    forget()
    session.use("b")
    assert told == ["a", None]


def test_the_loop_waits_and_cancels() -> None:
    loop, ended = BackgroundLoop(), threading.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        loop.wait(work(), 0.05)
    assert ended.wait(5)
    assert loop.wait(asyncio.sleep(0, "value")) == "value"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_has_a_session_of_its_own() -> None:
    parent = current_session()
    parent.loop.wait(asyncio.sleep(0))
    pid = os.fork()
    if pid == 0:
        session = current_session()
        fine = session is not parent and session.loop.wait(asyncio.sleep(0, "here"), 5) == "here"
        os._exit(0 if fine else 1)
    until = time.monotonic() + 20
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        assert time.monotonic() < until
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(ended[1]) == 0


def test_the_quiet_line() -> None:
    answer = Answer()
    answer.model = "m"
    for event in (
        ThinkingDelta("hm"),
        TextDelta("a"),
        Context(3, 2, 100, 90, cut=True),
        UsageEvent(Usage(completion_tokens=1)),
        RunFinished("completed", "length"),
    ):
        answer.apply(event)
    assert answer.failure is None
    assert summary(answer, 1.44) == (
        "m · 1.4 s · 1 token · cut at its longest · 2 earlier messages left out: the model's window is full · "
        "the model read less than was sent"
    )


@pytest.mark.parametrize(
    ("state", "fails"), [("completed", False), ("stopped", False), ("interrupted", True), ("failed", True)]
)
def test_an_end_that_nobody_wanted_is_a_failure(state: str, fails: bool) -> None:
    answer = Answer()
    answer.apply(RunFinished(state, "server_stopping"))  # type: ignore[arg-type]
    assert (answer.failure is not None) == fails


def test_an_answer_that_waits_in_line_says_so_until_it_is_its_turn() -> None:
    answer = Answer()
    answer.apply(QueuePosition(3))
    assert (answer.position, meanwhile(answer)) == (3, "*number 3 in line …*")
    answer.apply(QueuePosition(1, 2.5))
    assert meanwhile(answer) == "*number 1 in line …*"
    answer.apply(RunStarted())
    assert meanwhile(answer) == "*…*"


def test_an_answer_that_was_given_before_says_so() -> None:
    answer = Answer()
    answer.model = "m"
    answer.apply(UsageEvent(Usage(completion_tokens=2, cached=True)))
    assert summary(answer, 0.04) == "m · 0.0 s · 2 tokens · answered before"
