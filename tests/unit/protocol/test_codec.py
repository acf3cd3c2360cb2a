"""What the codec takes, and what it refuses, with a word on where."""

from __future__ import annotations

import msgspec
import pytest

from jupyter_aichat.errors import InvalidOption, InvalidRequest
from jupyter_aichat.protocol.bodies import ChatsQuery, IdempotencyKey, MessagesQuery, RunEventsQuery, SendBody, Seq
from jupyter_aichat.protocol.codec import convert, decode, decode_frame, decode_query, frame_id
from jupyter_aichat.protocol.frames import PingFrame, SendFrame, SubscribeFrame

DEEP = 10_000
_send = msgspec.json.Decoder(SendBody)

BAD_BODIES = [
    pytest.param(b"", "$", id="empty"),
    pytest.param(b"{", "$", id="cut"),
    pytest.param(b"null", "$", id="null"),
    pytest.param(b"[]", "$", id="array"),
    pytest.param(b"7", "$", id="number"),
    pytest.param(b'"text"', "$", id="string"),
    pytest.param(b'{"text": "a"} {}', "$", id="two values"),
    pytest.param(b'\xef\xbb\xbf{"text": "a"}', "$", id="byte order mark"),
    pytest.param(b'{"text": NaN}', "$", id="NaN"),
    pytest.param(b'{"text": null}', "$.text", id="null text"),
    pytest.param(b'{"text": 5}', "$.text", id="number as text"),
    pytest.param(b'{"text": "a", "owner_id": "x"}', "$", id="server-side field"),
    pytest.param(b'{"text": "a", "created_at": "2026-01-01"}', "$", id="another server-side field"),
    pytest.param(b'{"parts": []}', "$.parts", id="no parts"),
    pytest.param(b'{"parts": [{"type": "image"}]}', "$.parts[0].type", id="unknown part"),
    pytest.param(b'{"parts": [{"type": "text", "text": "a", "n": 1}]}', "$.parts[0]", id="field in part"),
    pytest.param(b'{"text": "a\\u0000b"}', "$.text", id="NUL"),
    pytest.param(b'{"parts": [{"type": "text", "text": "\\u0000"}]}', "$.parts[0].text", id="NUL in part"),
    pytest.param(b'{"text": "a\x00b"}', "$", id="raw NUL"),
    pytest.param(b'{"text": "\\ud800"}', "$", id="high surrogate"),
    pytest.param(b'{"text": "\\ud800x"}', "$", id="high surrogate and text"),
    pytest.param(b'{"text": "\\udc00"}', "$", id="low surrogate"),
    pytest.param(b'{"text": "\\ud800\\ud800"}', "$", id="two high surrogates"),
    pytest.param(b'{"text": "\xed\xa0\x80"}', "$", id="surrogate as bytes"),
    pytest.param(b'{"text": "\xff"}', "$", id="no UTF-8"),
    pytest.param(b'{"x": ' + b"[" * DEEP + b"]" * DEEP + b"}", "$", id="deep in an unknown field"),
    pytest.param(b'{"text": ' + b"[" * DEEP + b"]" * DEEP + b"}", "$.text", id="deep in a text"),
    pytest.param(b"[" * DEEP + b"]" * DEEP, "$", id="deep"),
    pytest.param(b'{"text": "a", "parent_id": ""}', "$.parent_id", id="empty id"),
    pytest.param(b'{"text": "a", "parent_id": "../x"}', "$.parent_id", id="no id"),
    pytest.param(b'{"text": "a", "idempotency_key": ""}', "$.idempotency_key", id="empty key"),
    pytest.param(b'{"text": "a", "idempotency_key": "a\\n"}', "$.idempotency_key", id="key with a line end"),
    pytest.param('{"text": "a", "idempotency_key": "ä"}'.encode(), "$.idempotency_key", id="key beyond ASCII"),
]

BAD_OPTIONS = [
    pytest.param(b'{"temperature": 3}', "$.options.temperature", id="out of bounds"),
    pytest.param(b'{"temperature": 1e999}', "$.options.temperature", id="infinite"),
    pytest.param(b'{"top_k": 1.5}', "$.options.top_k", id="fraction"),
    pytest.param(b'{"seed": 99999999999999999999999}', "$.options.seed", id="64 bits and more"),
    pytest.param(b'{"num_gpu": 1}', "$.options", id="not yours to set"),
    pytest.param(b'{"stop": ["1", "2", "3", "4", "5", "6", "7", "8", "9"]}', "$.options.stop", id="too many stops"),
    pytest.param(b'{"system": "a\\u0000"}', "$.options.system", id="NUL"),
]


@pytest.mark.parametrize(("body", "path"), BAD_BODIES)
def test_a_bad_body_is_refused_with_its_place(body: bytes, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(body, _send)
    assert caught.value.code == "invalid_request"
    assert caught.value.details.get("path", "$") == path
    assert 0 < len(caught.value.message) < 500


@pytest.mark.parametrize(("options", "path"), BAD_OPTIONS)
def test_a_bad_option_is_refused_with_its_place(options: bytes, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(b'{"text": "a", "options": %b}' % options, _send)
    assert caught.value.details["path"] == path
    assert isinstance(caught.value, InvalidOption) or "NUL" in caught.value.message


@pytest.mark.parametrize("body", [b'{"parts": [{"type": "canary"}]}', b'{"text": ["canary"]}', b'{"text": "canary'])
def test_what_was_sent_is_not_quoted(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(body, _send)
    assert "canary" not in caught.value.message


def test_what_was_sent_is_not_echoed_at_length() -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(b'{"parts": [{"type": "%b"}]}' % (b"x" * 100_000), _send)
    assert len(caught.value.message) < 500


def test_the_last_of_duplicate_keys_wins() -> None:
    assert decode(b'{"text": "first", "text": "last"}', _send).text == "last"


@pytest.mark.parametrize("text", [r"\\u0000", "\\ud83d\\ude00", "\\u0001", "\\n", "é", "\U0001f600"])
def test_text_that_only_looks_bad_is_taken(text: str) -> None:
    assert decode(f'{{"text": "{text}"}}'.encode(), _send).text


def test_absent_and_null_parent_differ() -> None:
    assert decode(b'{"text": "a"}', _send).parent_id is msgspec.UNSET
    assert decode(b'{"text": "a", "parent_id": null}', _send).parent_id is None


def test_frames_are_told_apart_by_type() -> None:
    assert decode_frame(b'{"type": "ping", "id": 7}') == PingFrame(id=7)
    assert decode_frame(b'{"text": "a", "id": "s", "type": "send"}') == SendFrame(id="s", text="a")
    frame = decode_frame(b'{"type": "subscribe", "run_id": "r", "after": 9223372036854775807}')
    assert isinstance(frame, SubscribeFrame)
    assert frame.after == 2**63 - 1


@pytest.mark.parametrize(
    "line",
    [
        b'{"type": "dance"}',
        b'{"type": 5}',
        b"{}",
        b'{"type": "subscribe", "run_id": "r", "after": -1}',
        b'{"type": "subscribe", "run_id": "r", "after": 9223372036854775808}',
        b'{"type": "subscribe", "run_id": "r", "after": 1.5}',
        b'{"type": "ping", "id": true}',
        b'{"id": ' + b"[" * DEEP + b"]" * DEEP + b', "type": "ping"}',
        b'{"type": "ping", "id": "%b"}' % (b"x" * 129),
    ],
)
def test_a_bad_frame_is_refused(line: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_frame(line)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"type": "dance", "id": "d1"}', "d1"),
        (b'{"id": 5, "text": {"a": []}}', 5),
        (b'{"id": true}', None),
        (b'{"id": "d1"', None),
        (b'{"id": ' + b"[" * DEEP, None),
        (b"\xff", None),
    ],
)
def test_the_id_of_a_bad_frame_is_found_where_it_can_be(line: bytes, found: object) -> None:
    assert frame_id(line) == found


def test_a_query_is_taken_from_text() -> None:
    query = decode_query({"archived": [b"true"], "limit": [b"7"], "q": [b"caf\xc3\xa9"], "token": [b"x"]}, ChatsQuery)
    assert query == ChatsQuery(archived=True, limit=7, q="café")


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (ChatsQuery, {"limit": [b"0"]}),
        (ChatsQuery, {"limit": [b"201"]}),
        (ChatsQuery, {"limit": [b"x"]}),
        (ChatsQuery, {"limit": [b""]}),
        (ChatsQuery, {"limit": [b"99999999999999999999"]}),
        (ChatsQuery, {"archived": [b"perhaps"]}),
        (ChatsQuery, {"q": [b"a\x00"]}),
        (ChatsQuery, {"q": [b"\xff"]}),
        (ChatsQuery, {"q": [b"x" * 257]}),
        (MessagesQuery, {"leaf": [b"a/b"]}),
        (RunEventsQuery, {"after": [b"-1"]}),
        (RunEventsQuery, {"after": [b"1_0"]}),
        (RunEventsQuery, {"after": [b"1.5"]}),
        (RunEventsQuery, {"after": ["٣".encode()]}),
    ],
)
def test_a_bad_query_is_refused(kind: type, arguments: dict[str, list[bytes]]) -> None:
    with pytest.raises(InvalidRequest):
        decode_query(arguments, kind)


def test_headers_are_converted_the_same_way() -> None:
    assert convert("12", Seq) == 12
    assert convert("a key", IdempotencyKey) == "a key"
    for bad in ("", "x" * 129, "ä", "a\tb"):
        with pytest.raises(InvalidRequest):
            convert(bad, IdempotencyKey)
