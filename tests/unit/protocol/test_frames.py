"""Event frames are put together by hand: they must be what the codec would have made."""

from __future__ import annotations

import json

import msgspec

from jupyter_aichat.domain.event import TextDelta, encode_event
from jupyter_aichat.domain.ids import new_id
from jupyter_aichat.domain.run import seq_of
from jupyter_aichat.protocol.frames import EventFrame, EventFrames

DELTA = encode_event(TextDelta(' "quoted"\n'))


def test_an_event_frame_is_what_the_codec_makes() -> None:
    frame = EventFrames("r1", "c1").frame(7, DELTA)
    assert msgspec.json.decode(frame, type=EventFrame) == EventFrame("r1", "c1", 7, TextDelta(' "quoted"\n'))


def test_a_server_sent_event_carries_its_place() -> None:
    text = EventFrames("r1", "c1").server_sent(7, DELTA).decode()
    head, data, *rest = text.split("\n")
    assert (head, rest) == ("id: 7", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {
        "run_id": "r1",
        "chat_id": "c1",
        "seq": 7,
        "event": {"type": "text_delta", "text": ' "quoted"\n'},
    }


def test_ids_cannot_break_out_of_a_frame() -> None:
    frame = EventFrames('"},"x":"', "c1").frame(1, DELTA)
    assert msgspec.json.decode(frame, type=EventFrame).run_id == '"},"x":"'


def test_a_token_costs_at_most_160_bytes_on_the_wire() -> None:
    delta = encode_event(TextDelta(" internationalis"))
    frame = EventFrames(new_id(), new_id()).frame(seq_of(9, 1_000_000), delta)
    websocket_header = 4
    assert len(frame) + websocket_header <= 160
