"""Refusals by Ollama and by what stands before it, in words that say what to do."""

from __future__ import annotations

import pytest

from jupyter_aichat.errors import (
    ContextTooLong,
    ModelNotFound,
    ModelUnsupported,
    ProviderBusy,
    ProviderError,
    ProviderUnreachable,
    StreamInterrupted,
)
from jupyter_aichat.providers.ollama import OllamaProvider
from tests.contract.provider_servers import DONE, Exchange, answering, chat, fake, line, streaming
from tests.contract.provider_targets import ask, opened, reply_to, request

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
        (400, '{"error":"\\"m\\" does not support chat"}', "", ModelUnsupported, "cannot chat"),
        (404, '{"error":"model \'m\' not found"}', "", ModelNotFound, "`ollama pull m`"),
        (404, "404 page not found", "text/plain", ProviderError, "not Ollama (404"),
        (500, '{"error":"option \\"temperature\\" must be of type float32"}', "", ProviderError, "temperature"),
        (500, '{"error":"model requires more system memory (9 GiB)"}', "", ProviderError, "9 GiB"),
        (500, '{"error":"unable to load model: /srv/ann/.ollama/models/blobs/sha256-1"}', "", ProviderError, "…"),
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
    assert "/srv/ann" not in str(reply.error)
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
            await exchange.answer(
                status, b'{"error":"server busy, please try again.  maximum pending requests exceeded"}'
            )
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
