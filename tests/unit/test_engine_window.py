"""What a model is given: the newest message and the system prompt always, the rest by budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.event import Context
from jupyter_aichat.domain.ids import ChatId, MessageId
from jupyter_aichat.domain.message import Message, Role
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import Part, TextPart, ThinkingPart
from jupyter_aichat.engine.window import Estimator, Window, budget_of, fit, was_cut


def message(n: int, *parts: Part, role: Role | None = None) -> Message:
    role = role or ("user" if n % 2 == 0 else "assistant")
    return Message(MessageId(str(n)), ChatId("c"), None, role, parts, "completed", n, now())


async def newest_first(messages: list[Message]) -> AsyncIterator[tuple[Message, int]]:
    for remaining, each in reversed(list(enumerate(messages, 1))):
        yield each, remaining


def fitted(messages: list[Message], num_ctx: int = 1000, options: Options | None = None) -> Window:
    return asyncio.run(fit(newest_first(messages), "m", num_ctx, options or Options(), Estimator()))


def texts(window: Window) -> list[str]:
    return [part.text for m in window.messages for part in m.parts if isinstance(part, TextPart)]


def test_everything_goes_where_everything_fits() -> None:
    window = fitted([message(n, TextPart(f"m{n}")) for n in range(5)])
    assert texts(window) == ["m0", "m1", "m2", "m3", "m4"]
    assert window.context.left_out == 0


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=30), st.integers(256, 4096))
def test_the_newest_messages_that_fit_are_sent(sizes: list[int], num_ctx: int) -> None:
    messages = [message(n, TextPart(f"{n}:" + "x" * size)) for n, size in enumerate(sizes)]
    window = fitted(messages, num_ctx, Options(system="be brief"))
    sent = texts(window)
    assert sent[0] == "be brief"
    assert sent[1:] == [m.parts[0].text for m in messages[-window.context.sent :] if isinstance(m.parts[0], TextPart)]
    assert window.context.sent >= 1
    assert window.context.sent + window.context.left_out == len(sizes)
    assert window.context.sent == 1 or window.context.tokens <= window.context.budget


def test_thinking_and_empty_answers_are_not_sent_back() -> None:
    window = fitted(
        [message(0, TextPart("q")), message(1, ThinkingPart("hm"), TextPart("a")), message(2, TextPart("r"))]
    )
    assert texts(window) == ["q", "a", "r"]
    assert all(not isinstance(part, ThinkingPart) for m in window.messages for part in m.parts)
    assert fitted([message(0, TextPart("q")), message(1), message(2, TextPart("r"))]).context.sent == 2


def test_text_that_is_not_ascii_weighs_its_bytes() -> None:
    latin, arabic = fitted([message(0, TextPart("a" * 400))]), fitted([message(0, TextPart("م" * 400))])
    assert arabic.context.tokens > 1.8 * latin.context.tokens


@pytest.mark.parametrize(
    ("options", "budget"),
    [
        pytest.param(Options(), 750, id="a quarter for the reply"),
        pytest.param(Options(num_predict=100), 900, id="what was asked for the reply"),
        pytest.param(Options(num_predict=9000), 500, id="never more than half"),
    ],
)
def test_the_reply_keeps_its_room(options: Options, budget: int) -> None:
    assert budget_of(1000, options) == budget


@pytest.mark.parametrize(
    ("tokens", "counted", "cut"),
    [
        pytest.param(500, 480, False, id="as estimated"),
        pytest.param(500, 900, False, id="more than estimated, and all of it read"),
        pytest.param(500, 200, True, id="clearly less than was sent"),
        pytest.param(900, 1000, True, id="a full window"),
        pytest.param(20, 5, False, id="too short to tell"),
    ],
)
def test_a_silent_cut_is_noticed(tokens: int, counted: int, cut: bool) -> None:
    assert was_cut(Context(sent=1, left_out=0, budget=750, tokens=tokens), 1000, counted) is cut


def test_what_the_provider_counts_corrects_the_estimate() -> None:
    estimator = Estimator()
    prompt = fitted([message(0, TextPart("x" * 3600))]).messages[0]
    before = estimator.tokens("m", prompt)
    estimator.learn("m", before, 2 * before)
    assert estimator.tokens("m", prompt) == pytest.approx(2 * before, rel=0.05)
    assert estimator.tokens("other", prompt) == before
