"""Connections: those that never stand, those that we close, and those that we keep."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from jupyter_aichat.errors import (
    ProviderError,
    ProviderUnreachable,
)
from jupyter_aichat.providers.ollama import OllamaProvider
from tests.contract.provider_servers import DONE, Exchange, Handler, chat, fake, line, streaming
from tests.contract.provider_targets import ask, opened, reply_to, request, streamed


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
    refusal = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    async with plain_server(refusal) as address, opened(OllamaProvider(url=f"https://{address}")) as provider:
        reply = await ask(provider, request("m"))
    assert isinstance(reply.error, ProviderUnreachable)
    assert "TLS" in str(reply.error)


async def test_a_certificate_that_nobody_signed(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, timeout=30)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, opened(OllamaProvider(url=address)) as provider:
        reply = await ask(provider, request("m"))
    assert isinstance(reply.error, ProviderUnreachable)
    assert "certificate" in str(reply.error)


async def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **kwargs: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with opened(OllamaProvider(url="no.such.host")) as provider:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        reply = await ask(provider, request("m"))
    assert isinstance(reply.error, ProviderUnreachable)
    assert "The host of no.such.host:11434 is not known" in str(reply.error)


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
        async with aclosing(streamed(provider, request("m"))) as stream:
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
