"""Server-sent events, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.kernel.sse import EventParser, ServerSent

STREAM = (
    b":\n\nid: 1\ndata: {\"a\": \"\xc3\xa9\"}\n\n:keep\n\nid: 2\r\ndata: two\r\ndata:lines\r\n\r\n"
    b"event: x\ndata: 3\ndatum: no\nid: 3\n\nid: 9\n\ndata\n\nid: bad\0\rdata: 4\r\rdata: unfinished\n"
)  # fmt: skip
EVENTS = [
    ServerSent("1", '{"a": "é"}'.encode()),
    ServerSent("2", b"two\nlines"),
    ServerSent("3", b"3"),
    ServerSent("9", b""),
    ServerSent("9", b"4"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_are_whole_wherever_the_bytes_are_cut(cuts: list[int]) -> None:
    parser = EventParser()
    places = [0, *sorted(cuts), len(STREAM)]
    found = [event for a, b in pairwise(places) for event in parser.feed(STREAM[a:b])]
    assert found == EVENTS


def test_a_byte_at_a_time() -> None:
    parser = EventParser()
    assert [event for byte in STREAM for event in parser.feed(bytes([byte]))] == EVENTS
