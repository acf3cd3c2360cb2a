"""Streams that break, stall or carry what nobody expects: each ends as a typed error, with the text so far kept."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from jupyter_aichat.errors import (
    ProviderError,
    ProviderTimeout,
    StreamInterrupted,
)
from jupyter_aichat.providers.base import ToolCallChunk
from tests.contract.provider_servers import DONE, Exchange, chat, line, stream_of, streaming
from tests.contract.provider_targets import reply_to

QUICK = {"first_byte_timeout_s": 0.3, "stall_timeout_s": 0.3}


# --- streams that break ---------------------------------------------------------------------------------------------


async def test_an_error_line_keeps_the_text_before_it() -> None:
    failure = b'{"error":"an error was encountered while running the model: unexpected EOF"}\n'
    reply = await reply_to(streaming(line("a"), line("b"), failure))
    assert reply.text == "ab"
    assert type(reply.error) is ProviderError
    assert "has died" in str(reply.error)


async def test_an_error_line_in_the_same_read_as_text() -> None:
    reply = await reply_to(streaming(line("a") + line("b") + b'{"error":"out of luck"}\n' + line("c")))
    assert reply.text == "ab"
    assert "out of luck" in str(reply.error)


@pytest.mark.parametrize("ending", ["proper", "cut"])
async def test_an_end_without_done_is_never_complete(ending: str) -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.send(line("a"), line("b"))
        if ending == "proper":
            await exchange.end()
        else:
            exchange.cut()

    reply = await reply_to(chat(handler))
    assert reply.text == "ab"
    assert isinstance(reply.error, StreamInterrupted)


async def test_an_empty_answer() -> None:
    reply = await reply_to(streaming())
    assert isinstance(reply.error, StreamInterrupted)
    assert "before the answer began" in str(reply.error)


async def test_half_a_line_at_the_end() -> None:
    reply = await reply_to(streaming(line("a"), b'{"message":{"content":"b'))
    assert reply.text == "a"
    assert type(reply.error) is ProviderError


async def test_a_line_that_is_no_json() -> None:
    reply = await reply_to(streaming(line("a"), b"<html>\n", DONE))
    assert reply.text == "a"
    assert type(reply.error) is ProviderError


async def test_an_endless_line_is_cut_short() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.send(b'{"message":{"content":"')
        while not exchange.hung_up.is_set():
            await exchange.send(b"x" * 65_536)

    reply = await reply_to(chat(handler))
    assert type(reply.error) is ProviderError


async def test_a_line_of_eight_megabytes_is_read() -> None:
    text = "x" * 7_900_000
    reply = await reply_to(streaming(line(text), DONE))
    assert reply.finished.reason == "stop"
    assert reply.text == text


async def test_text_cut_between_any_two_bytes() -> None:
    data = '{"message":{"content":"ä€😀"},"done":false}\n'.encode()
    for at in range(1, len(data)):
        reply = await reply_to(streaming(data[:at], data[at:] + DONE))
        assert reply.text == "ä€😀"
        assert reply.finished.reason == "stop"


async def test_ten_thousand_empty_chunks() -> None:
    reply = await reply_to(streaming(*[line()] * 10_000, line("a"), DONE))
    assert reply.text == "a"
    assert reply.finished.reason == "stop"


async def test_what_comes_after_the_end_is_not_read() -> None:
    reply = await reply_to(streaming(line("a"), DONE + line("b") + DONE))
    assert reply.text == "a"


async def test_silence_before_the_first_byte() -> None:
    reply = await reply_to(chat(lambda exchange: exchange.hang()), **QUICK)
    assert isinstance(reply.error, ProviderTimeout)
    assert reply.error.details == {"phase": "first_byte"}


async def test_headers_are_no_first_byte() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        await asyncio.sleep(0.5)
        await exchange.send(line("a"), DONE)
        await exchange.end()

    reply = await reply_to(chat(handler), first_byte_timeout_s=30.0, stall_timeout_s=0.2)
    assert reply.text == "a"
    assert reply.finished.reason == "stop"


async def test_silence_in_the_middle() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.send(line("a"))
        await exchange.hang()

    started = time.monotonic()
    reply = await reply_to(chat(handler), stall_timeout_s=0.3)
    assert reply.text == "a"
    assert isinstance(reply.error, ProviderTimeout)
    assert reply.error.details == {"phase": "stall"}
    assert 0.25 < time.monotonic() - started < 3


async def test_a_slow_answer_is_no_silence() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        for n in range(8):
            await exchange.send(line(f" {n}"))
            await asyncio.sleep(0.15)
        await exchange.send(DONE)
        await exchange.end()

    reply = await reply_to(chat(handler), first_byte_timeout_s=5.0, stall_timeout_s=1.0)
    assert reply.text == " 0 1 2 3 4 5 6 7"
    assert reply.finished.reason == "stop"


# --- tool calls -----------------------------------------------------------------------------------------------------


def call(arguments: str, name: str = "get_time", **more: str) -> dict[str, object]:
    return {**more, "function": {"index": 0, "name": name, "arguments": json.loads(arguments)}}


async def test_tool_calls_in_the_middle_at_the_end_and_several() -> None:
    two = line("x", message={"tool_calls": [call('{"zone":"UTC"}', id="call_1"), call("{}", "other")]})
    final = line(message={"tool_calls": [call('{"n":1}', "last")]}, done=True, done_reason="stop")
    reply = await reply_to(streaming(line("a"), two, final))
    assert reply.text == "ax"
    calls = [chunk for chunk in reply.chunks if isinstance(chunk, ToolCallChunk)]
    assert [(c.name, c.arguments) for c in calls] == [("get_time", {"zone": "UTC"}), ("other", {}), ("last", {"n": 1})]
    assert calls[0].id == "call_1"
    assert len({c.id for c in calls}) == 3
    assert reply.finished.reason == "stop"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('"{\\"zone\\":\\"UTC\\"}"', {"zone": "UTC"}),
        ('"{half"', {"unparsed": '"{half"'}),
        ('"text"', {"unparsed": "text"}),
        ("[1]", {"unparsed": [1]}),
        ("null", {}),
        ('{"a\\u0000":"\\ud800 \\u0000"}', {"a\ufffd": "\ufffd \ufffd"}),
    ],
)
async def test_arguments_that_are_no_object(arguments: str, expected: object) -> None:
    tool = b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":%s}}]}}\n' % arguments.encode()
    reply = await reply_to(streaming(tool, DONE))
    assert [chunk.arguments for chunk in reply.chunks if isinstance(chunk, ToolCallChunk)] == [expected]
    assert reply.finished.reason == "stop"


# --- text that others could not store -------------------------------------------------------------------------------


async def test_nul_and_lone_surrogates_become_replacement_characters() -> None:
    pieces = [
        b'{"message":{"content":"a\\u0000b"}}\n',
        b'{"message":{"content":"c\\ud800d"}}\n',
        b'{"message":{"content":"e\\udc00\\ud83d\\ude00f"}}\n',
        b'{"message":{"content":"g\xff\xed\xa0\x80h \\\\ud800 \\\\u0000"}}\n',
        b'{"message":{"thinking":"t\\u0000"}}\n',
    ]
    reply = await reply_to(streaming(*pieces, DONE))
    assert reply.finished.reason == "stop"
    assert reply.text.startswith("a\ufffdbc\ufffdde\ufffd😀fg\ufffd")
    assert reply.text.endswith("h \\ud800 \\u0000")
    assert reply.thinking == "t\ufffd"
    reply.text.encode()
    assert "\0" not in reply.text


async def test_a_recorded_stream_in_one_piece_and_byte_by_byte() -> None:
    data = stream_of("chat_think")
    whole = await reply_to(streaming(data))
    pieces = await reply_to(streaming(*(data[n : n + 1] for n in range(len(data)))))
    assert (whole.thinking, whole.text, whole.finished) == (pieces.thinking, pieces.text, pieces.finished)
    assert len(whole.chunks) < 10
