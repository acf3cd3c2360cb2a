"""The log of a run gives every event back, in order, whatever the place from which a reader asks."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.domain.event import Context, Event, TextDelta, ThinkingDelta, ToolCall, decode_event
from jupyter_aichat.domain.part import Part, TextPart, ThinkingPart, ToolCallPart
from jupyter_aichat.domain.run import seq_of
from jupyter_aichat.engine.log import EventLog, _Deltas
from jupyter_aichat.engine.parts import fold

EVERYTHING = 10**9

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)
events = st.lists(
    st.one_of(
        st.builds(TextDelta, texts),
        st.builds(ThinkingDelta, texts),
        st.builds(ToolCall, st.just("c1"), st.just("clock"), st.just({"zone": "UTC"})),
        st.just(Context(sent=1, left_out=0, budget=10, tokens=3)),
    ),
    max_size=300,
)


def written(items: list[Event], epoch: int = 3) -> EventLog:
    log = EventLog(epoch)
    for item in items:
        if isinstance(item, TextDelta):
            log.append_text("text", item.text)
        elif isinstance(item, ThinkingDelta):
            log.append_text("thinking", item.text)
        else:
            log.append(item)
    return log


def parts_of(items: list[Event]) -> tuple[Part, ...]:
    """What wire.md says: a delta extends the last part if that is of its kind, else opens one."""
    parts: list[Part] = []
    for item in items:
        if isinstance(item, ToolCall):
            parts.append(ToolCallPart(item.id, item.name, item.arguments))
        elif isinstance(item, TextDelta | ThinkingDelta):
            kind = TextPart if isinstance(item, TextDelta) else ThinkingPart
            if parts and isinstance(parts[-1], kind):
                parts[-1] = kind(parts[-1].text + item.text)
            else:
                parts.append(kind(item.text))
    return tuple(parts)


@given(events, st.integers(0, 300))
def test_read_returns_what_was_appended(items: list[Event], after: int) -> None:
    after = min(after, len(items))
    read = written(items).read(seq_of(3, after), EVERYTHING)
    assert [decode_event(event.data) for event in read] == items[after:]
    assert [event.seq for event in read] == [seq_of(3, n + 1) for n in range(after, len(items))]


@given(events, st.integers(1, 400))
def test_read_by_portions_returns_everything_once(items: list[Event], limit: int) -> None:
    log, seen, after = written(items), [], 0
    while portion := log.read(after, limit):
        seen += [decode_event(event.data) for event in portion]
        after = portion[-1].seq
    assert seen == items


@given(events, st.integers(0, 300))
def test_pieces_fold_into_the_parts_of_the_message(items: list[Event], cut: int) -> None:
    cut = min(cut, len(items))
    log = written(items)
    assert fold((), log.pieces()) == parts_of(items)
    assert fold(parts_of(items[:cut]), log.pieces(cut)) == parts_of(items)


def test_a_place_of_an_older_epoch_is_the_beginning() -> None:
    log = written([TextDelta("a"), TextDelta("b")])
    assert [event.seq for event in log.read(seq_of(2, 7), EVERYTHING)] == [seq_of(3, 1), seq_of(3, 2)]


def test_only_the_end_is_marked_as_last() -> None:
    log = written([TextDelta("a")])
    log.append(Context(sent=1, left_out=0, budget=10, tokens=3), last=True)
    assert [event.last for event in log.read(0, EVERYTHING)] == [False, True]
    assert [event.last for event in log.read(seq_of(3, 1), EVERYTHING)] == [True]


def test_a_long_answer_costs_little_more_than_its_text() -> None:
    log = EventLog(1)
    for _ in range(20_000):
        log.append_text("text", "token")
    log.append(Context(sent=1, left_out=0, budget=10, tokens=3))
    blocks = [block for block in log._blocks if isinstance(block, _Deltas)]
    kept = sum(len(block.text) + block.ends.itemsize * len(block.ends) for block in blocks)
    assert kept < 20_000 * 10
    assert msgspec.json.decode(log.read(seq_of(1, 19_999), EVERYTHING)[0].data) == {
        "type": "text_delta",
        "text": "token",
    }
