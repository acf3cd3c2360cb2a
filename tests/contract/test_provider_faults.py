"""What Ollama, and what stands before it, can do wrong: each ends as a typed error, with the text so far kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from jupyter_aichat.errors import (
    ContextTooLong,
    ModelNotFound,
    ModelUnsupported,
    ProviderBusy,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    StreamInterrupted,
)
from jupyter_aichat.providers.base import TextChunk, ToolCallChunk
from jupyter_aichat.providers.ollama import OllamaProvider
from tests.contract.provider_servers import DONE, Exchange, Handler, chat, fake, line, stream_of, streaming
from tests.contract.provider_targets import Reply, ask, opened, request

QUICK = {"first_byte_timeout_s": 0.3, "stall_timeout_s": 0.3}


async def reply_to(handlers: dict[str, Handler], **traits: Any) -> Reply:
    async with fake(handlers) as server, opened(OllamaProvider(url=server.url, **traits)) as provider:
        return await ask(provider, request("m"))


def answering(status: int, body: bytes | str, kind: str = "application/json", headers: str = "") -> dict[str, Handler]:
    data = body.encode() if isinstance(body, str) else body

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(status, data, kind, headers)

    return chat(handler)


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


async def test_a_slow_reader_is_no_silence() -> None:
    handlers = streaming(line("a"), line("b"), DONE)
    async with fake(handlers) as server, opened(OllamaProvider(url=server.url, **QUICK)) as provider:
        text = ""
        async with aclosing(provider.chat(request("m"))) as stream:
            async for chunks in stream:
                text += "".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk))
                await asyncio.sleep(0.7)
    assert text == "ab"


async def test_a_slow_answer_is_no_silence() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        for n in range(8):
            await exchange.send(line(f" {n}"))
            await asyncio.sleep(0.15)
        await exchange.send(DONE)
        await exchange.end()

    reply = await reply_to(chat(handler), **QUICK)
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


async def test_arguments_nested_without_end() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    tool = b'{"message":{"content":"a","tool_calls":[{"function":{"name":"f","arguments":%s}}]}}\n' % deep
    reply = await reply_to(streaming(tool, DONE))
    assert reply.text in ("", "a")
    assert reply.error is None or type(reply.error) is ProviderError


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


# --- refusals -------------------------------------------------------------------------------------------------------

HTML = "<html><h1>502 Bad Gateway</h1></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "error", "says"),
    [
        (400, '{"error":"registry.ollama.ai/library/m:latest does not support tools"}', "", ModelUnsupported, "tools"),
        (400, '{"error":"\\"m\\" does not support thinking"}', "", ModelUnsupported, "thinking"),
        (400, '{"error":"the input length exceeds the context length"}', "", ContextTooLong, "Shorten"),
        (
            400,
            '{"error":"the prompt is longer than the context length currently available to the model; x"}',
            "",
            ContextTooLong,
            "larger context",
        ),
        (404, '{"error":"model \'m\' not found"}', "", ModelNotFound, "`ollama pull m`"),
        (404, "404 page not found", "text/plain", ProviderError, "not Ollama (404"),
        (500, '{"error":"option \\"temperature\\" must be of type float32"}', "", ProviderError, "temperature"),
        (500, '{"error":"model requires more system memory (9 GiB)"}', "", ProviderError, "9 GiB"),
        (500, '{"error":"unable to load model: /home/ann/.ollama/models/blobs/sha256-1"}', "", ProviderError, "…"),
        (499, '{"error":"request canceled"}', "", ProviderError, "canceled"),
        (502, HTML, "text/html", ProviderUnreachable, "does not reach Ollama (502)"),
        (504, HTML, "text/html", ProviderUnreachable, "(504)"),
        (401, "", "text/plain", ProviderError, "OllamaProvider.headers"),
        (403, "", "text/plain", ProviderError, "Host: localhost:11434"),
        (413, HTML, "text/html", ContextTooLong, "413"),
        (418, '{"error":{"message":"nested"}}', "", ProviderError, "418"),
        (500, "", "text/plain", ProviderError, "500"),
        (500, "[" * 100_000, "application/json", ProviderError, "500"),
    ],
)
async def test_refusals(status: int, body: str, kind: str, error: type[ProviderError], says: str) -> None:
    reply = await reply_to(answering(status, body, kind or "application/json"))
    assert type(reply.error) is error
    assert says in str(reply.error)
    assert "/home/ann" not in str(reply.error)
    assert not reply.chunks


async def test_redirects_are_not_followed() -> None:
    handlers = answering(302, "", headers="Location: http://127.0.0.1:9/elsewhere\r\n")
    reply = await reply_to(handlers)
    assert type(reply.error) is ProviderError
    assert "redirects us elsewhere (302)" in str(reply.error)


async def test_a_page_instead_of_a_stream() -> None:
    reply = await reply_to(answering(200, "<html>\nSign in to the hotel's network\n</html>\n", "text/html"))
    assert type(reply.error) is ProviderError
    assert "does not speak as Ollama" in str(reply.error)


async def test_messages_hold_neither_headers_nor_prompts() -> None:
    handlers = answering(400, '{"error":"bad"}')
    async with fake(handlers) as server:
        provider = OllamaProvider(url=server.url, headers={"Authorization": "Bearer s3cret"})
        async with opened(provider):
            reply = await ask(provider, request("m", "a private beginning"))
        assert server.to("/api/chat")[0].headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in repr(reply.error)
    assert "private" not in repr(reply.error)


@pytest.mark.parametrize("status", [503, 429])
async def test_a_busy_server_is_asked_again(status: int) -> None:
    tries = 0

    async def handler(exchange: Exchange) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            await exchange.answer(status, b'{"error":"server busy, please try again.  maximum pending requests exceeded"}')
            return
        await exchange.begin()
        await exchange.send(line("a"), DONE)
        await exchange.end()

    reply = await reply_to(chat(handler))
    assert reply.text == "a"
    assert reply.finished.reason == "stop"
    assert tries == 3


async def test_a_server_that_stays_busy() -> None:
    handlers = answering(503, '{"error":"server busy, please try again.  maximum pending requests exceeded"}')
    async with fake(handlers) as server, opened(OllamaProvider(url=server.url)) as provider:
        reply = await ask(provider, request("m"))
        assert len(server.to("/api/chat")) == 4
    assert isinstance(reply.error, ProviderBusy)


async def test_a_broken_answer_is_not_asked_for_again() -> None:
    async with fake(streaming(line("a"))) as server, opened(OllamaProvider(url=server.url)) as provider:
        reply = await ask(provider, request("m"))
        assert len(server.to("/api/chat")) == 1
    assert isinstance(reply.error, StreamInterrupted)


# --- no connection --------------------------------------------------------------------------------------------------


async def test_nothing_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        async with opened(OllamaProvider(url=f":{port}")) as provider:
            reply = await ask(provider, request("m"))
            with pytest.raises(ProviderUnreachable):
                await provider.models()
    assert isinstance(reply.error, ProviderUnreachable)
    assert str(reply.error) == f"Ollama is not running at 127.0.0.1:{port}. Start it with `ollama serve`."


async def test_a_connection_that_never_stands() -> None:
    """A full backlog: the kernel drops further connections silently."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        url = f":{listener.getsockname()[1]}"
        started = time.monotonic()
        async with opened(OllamaProvider(url=url, connect_timeout_s=0.3)) as provider:
            reply = await ask(provider, request("m"))
        for filler in fillers:
            filler.close()
    assert isinstance(reply.error, ProviderUnreachable)
    assert "does not answer" in str(reply.error)
    assert time.monotonic() - started < 3


async def test_tls_to_a_server_without_it() -> None:
    async with plain_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        async with opened(OllamaProvider(url=f"https://{address}")) as provider:
            reply = await ask(provider, request("m"))
    assert isinstance(reply.error, ProviderUnreachable)
    assert "TLS" in str(reply.error)


async def test_a_server_that_is_no_http() -> None:
    async with plain_server(b"SSH-2.0-OpenSSH_9.2\r\n") as address, opened(OllamaProvider(url=address)) as provider:
        reply = await ask(provider, request("m"))
    assert isinstance(reply.error, ProviderError)
    assert "does not speak as Ollama" in str(reply.error)


@contextlib.asynccontextmanager
async def plain_server(words: bytes) -> AsyncIterator[str]:
    """A server that says the same to everybody."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(words)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_connection_closed_without_a_word() -> None:
    async def handler(exchange: Exchange) -> None:
        exchange.cut()

    reply = await reply_to(chat(handler))
    assert isinstance(reply.error, ProviderUnreachable)
    assert "without an answer" in str(reply.error)


# --- hanging up -----------------------------------------------------------------------------------------------------


async def endless(exchange: Exchange) -> None:
    await exchange.begin()
    while not exchange.hung_up.is_set():
        await exchange.send(line("a"))
        await asyncio.sleep(0.01)


async def silent_after_one(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.send(line("a"))
    await exchange.hang()


@pytest.mark.parametrize("handler", [endless, silent_after_one])
async def test_closing_the_stream_closes_the_socket(handler: Handler) -> None:
    async with fake(chat(handler)) as server, opened(OllamaProvider(url=server.url)) as provider:
        async with aclosing(provider.chat(request("m"))) as stream:
            await anext(stream)
        left = time.monotonic()
        exchange = server.to("/api/chat")[0]
        await asyncio.wait_for(exchange.hung_up.wait(), 1)
        assert exchange.hung_up_at - left < 1


@pytest.mark.parametrize("handler", [endless, silent_after_one, Exchange.hang])
async def test_cancelling_the_task_closes_the_socket(handler: Handler) -> None:
    """Before the first byte too: while the model loads, while the request waits."""
    async with fake(chat(handler)) as server, opened(OllamaProvider(url=server.url)) as provider:
        reading = asyncio.create_task(ask(provider, request("m")))
        while not server.to("/api/chat"):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        left = time.monotonic()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        exchange = server.to("/api/chat")[0]
        await asyncio.wait_for(exchange.hung_up.wait(), 1)
        assert exchange.hung_up_at - left < 1


async def test_cancelling_while_the_server_does_not_take_the_question() -> None:
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await accepted.put(writer)

    server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
    url = f":{server.sockets[0].getsockname()[1]}"
    async with server, opened(OllamaProvider(url=url)) as provider:
        assert isinstance(provider, OllamaProvider)
        sending = asyncio.create_task(
            provider._client.stream("api/chat", b"x" * 50_000_000, first_byte_s=30, stall_s=30)
        )
        writer = await accepted.get()
        await asyncio.sleep(0.1)
        started = time.monotonic()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert time.monotonic() - started < 1
        writer.transport.abort()


async def test_a_complete_answer_leaves_the_connection_for_the_next() -> None:
    async with fake(streaming(line("a"), DONE)) as server, opened(OllamaProvider(url=server.url)) as provider:
        for _ in range(5):
            assert (await ask(provider, request("m"))).finished.reason == "stop"
            await asyncio.sleep(0.01)
        assert server.connections <= 2


async def test_many_answers_at_once_are_not_bounded() -> None:
    """Both libraries would stop at a hundred connections."""
    reached = asyncio.Event()
    waiting = 0

    async def handler(exchange: Exchange) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 150:
            reached.set()
        await reached.wait()
        await exchange.begin()
        await exchange.send(line("a"), DONE)
        await exchange.end()

    async with fake(chat(handler)) as server, opened(OllamaProvider(url=server.url)) as provider:
        replies = await asyncio.wait_for(asyncio.gather(*(ask(provider, request("m")) for _ in range(150))), 30)
    assert all(reply.finished.reason == "stop" for reply in replies)


async def test_a_question_of_two_megabytes_is_sent_whole() -> None:
    async with fake(streaming(DONE)) as server, opened(OllamaProvider(url=server.url)) as provider:
        reply = await ask(provider, request("m", "x" * 2_000_000))
        assert reply.finished.reason == "stop"
        sent = server.to("/api/chat")[0]
        assert len(sent.body["messages"][1]["content"]) == 2_000_000
        assert sent.headers["content-length"] == str(len(sent.raw))


async def test_a_recorded_stream_in_one_piece_and_byte_by_byte() -> None:
    data = stream_of("chat_think")
    whole = await reply_to(streaming(data))
    pieces = await reply_to(streaming(*(data[n : n + 1] for n in range(len(data)))))
    assert (whole.thinking, whole.text, whole.finished) == (pieces.thinking, pieces.text, pieces.finished)
    assert len(whole.chunks) < 10
