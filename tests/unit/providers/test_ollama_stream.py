"""From bytes to chunks, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.errors import ProviderError, StreamInterrupted
from jupyter_aichat.providers.base import Chunk, FinishedChunk, TextChunk, ThinkingChunk, ToolCallChunk
from jupyter_aichat.providers.ollama_errors import Wording
from jupyter_aichat.providers.ollama_stream import ChatStream
from tests.contract.provider_servers import stream_of, transcripts

CHATS = [
    name
    for name, row in transcripts().items()
    if row["path"] == "/api/chat" and row["status"] == 200 and row["content_type"] == "application/x-ndjson"
]
AWKWARD = (
    '{"message":{"content":"ä€😀"}}\n\n{"message":{"content":"","thinking":"naïve"}}\r\n'
    '{"message":{"content":"\\ud83d\\ude00 \\ud800 \\u0000"}}\n{"message":{"role":"assistant","content":null}}\n'
    '{"message":{"content":"x","tool_calls":[{"function":{"name":"f","arguments":{"a":"€"}}}]}}\n'
    '{"done":true,"done_reason":"","eval_count":3,"eval_duration":3000000}\n'
).encode() + b'{"message":{"content":"not read"}}\n'


def fed(*reads: bytes) -> tuple[list[Chunk], ChatStream]:
    """Feed reads and the end; return all chunks."""
    stream = ChatStream(Wording("127.0.0.1:1", "m"))
    chunks: list[Chunk] = []
    for read in (*reads, b""):
        if stream.over:
            break
        chunks += stream.feed(read)
    return chunks, stream


def joined(chunks: list[Chunk]) -> list[object]:
    """Join neighbours of a kind and leave made-up ids out."""
    result: list[object] = []
    for chunk in chunks:
        if isinstance(chunk, TextChunk | ThinkingChunk) and result and type(result[-1]) is type(chunk):
            result[-1] = type(chunk)(result[-1].text + chunk.text)
        elif isinstance(chunk, ToolCallChunk):
            result.append((chunk.name, chunk.arguments))
        else:
            result.append(chunk)
    return result


@pytest.mark.parametrize("name", CHATS)
def test_every_recorded_chat_ends_properly(name: str) -> None:
    chunks, stream = fed(stream_of(name))
    assert stream.over
    assert stream.error is None
    assert isinstance(chunks[-1], FinishedChunk)
    assert chunks[-1].reason in ("stop", "length")
    assert all(type(a) is not type(b) for a, b in pairwise(chunks)), "neighbours of a kind are joined"


@given(data=st.data(), name=st.sampled_from(["chat_think", "chat_tool", "chat_length", "chat_json_schema", "awkward"]))
def test_any_cut_gives_the_same_chunks(data: st.DataObject, name: str) -> None:
    whole = AWKWARD if name == "awkward" else stream_of(name)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=60)))
    reads = [whole[a:b] for a, b in pairwise([0, *cuts, len(whole)])]
    in_one, _ = fed(whole)
    in_many, stream = fed(*reads)
    assert stream.error is None
    assert joined(in_many) == joined(in_one)


def test_the_awkward_stream() -> None:
    chunks, _ = fed(AWKWARD)
    finished = chunks[-1]
    assert isinstance(finished, FinishedChunk)
    assert finished.usage.tokens_per_second == 1000
    assert joined(chunks)[:-1] == [
        TextChunk("ä€😀"),
        ThinkingChunk("naïve"),
        TextChunk("😀 \ufffd \ufffdx"),
        ("f", {"a": "€"}),
    ]
    assert finished.reason == "stop"


@given(st.binary(max_size=300))
def test_no_bytes_break_it(data: bytes) -> None:
    chunks, stream = fed(data)
    assert stream.over
    assert stream.error is not None or isinstance(chunks[-1], FinishedChunk)
    for chunk in chunks:
        if isinstance(chunk, TextChunk | ThinkingChunk):
            chunk.text.encode()
            assert "\0" not in chunk.text


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=50))
def test_any_text_arrives_storable(text: str) -> None:
    escaped = "".join(f"\\u{unit:04x}" for unit in _utf16(text))
    chunks, _ = fed(b'{"message":{"content":"%s"}}\n' % escaped.encode())
    arrived = "".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk))
    storable = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")
    assert arrived == storable


def _utf16(text: str) -> list[int]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(data[n : n + 2], "little") for n in range(0, len(data), 2)]


def test_an_answer_without_a_newline() -> None:
    chunks, stream = fed(stream_of("chat_empty_loads"))
    assert stream.error is None
    assert isinstance(chunks[-1], FinishedChunk)
    assert chunks[-1].reason == "load"
    assert chunks[-1].usage.completion_tokens is None


def test_a_line_over_eight_megabytes() -> None:
    piece = b"x" * 1_000_000
    chunks, stream = fed(b'{"message":{"content":"', *[piece] * 9, b'"}}\n')
    assert not chunks
    assert type(stream.error) is ProviderError
    late, stream = fed(b'{"message":{"content":"' + b"x" * 7_999_990, b"y" * 1000 + b'"}}\n')
    assert not late
    assert type(stream.error) is ProviderError


def test_nothing_at_all() -> None:
    chunks, stream = fed()
    assert not chunks
    assert isinstance(stream.error, StreamInterrupted)


def test_arguments_nested_without_end() -> None:
    deep = b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":%s}}]}}\n' % (
        b"[" * 100_000 + b"]" * 100_000
    )
    chunks, stream = fed(b'{"message":{"content":"a"}}\n' + deep)
    assert chunks == [TextChunk("a")]
    assert type(stream.error) is ProviderError


def test_usage_in_milliseconds() -> None:
    chunks, _ = fed(stream_of("chat_whole"))
    finished = chunks[-1]
    assert isinstance(finished, FinishedChunk)
    assert msgspec.to_builtins(finished.usage) == {
        "cached": False,
        "prompt_tokens": 6,
        "completion_tokens": 401,
        "total_ms": 1621,
        "load_ms": 12,
        "first_token_ms": None,
        "tokens_per_second": 257.06,
    }
