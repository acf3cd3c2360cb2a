"""The list of models and what is known of each."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from jupyter_aichat.domain.model import Model
from jupyter_aichat.errors import ModelNotFound, ModelUnsupported, ProviderError, ProviderUnreachable
from jupyter_aichat.providers.ollama import OllamaProvider
from tests.contract.provider_servers import DONE, Exchange, Handler, fake, line, streaming
from tests.contract.provider_targets import ask, opened, request

LLM = {"template": "{{ .Prompt }}", "capabilities": ["completion"], "model_info": {"llama.context_length": 32768}}


def serving(
    tags: list[dict[str, Any]], shows: dict[str, dict[str, Any]], loaded: tuple[str, ...] = ()
) -> dict[str, Handler]:
    async def tag_list(exchange: Exchange) -> None:
        await exchange.answer(200, json.dumps({"models": tags}).encode())

    async def loaded_list(exchange: Exchange) -> None:
        await exchange.answer(200, json.dumps({"models": [{"name": name} for name in loaded]}).encode())

    async def show(exchange: Exchange) -> None:
        found = shows.get(exchange.body["model"])
        status, body = (200, found) if found else (404, {"error": "model not found"})
        await exchange.answer(status, json.dumps(body).encode())

    return {"/api/tags": tag_list, "/api/ps": loaded_list, "/api/show": show, **streaming(line("a"), DONE)}


def tag(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "digest": f"digest-of-{name}", "size": 7, "details": {"family": "llama"}, **more}


async def test_what_is_known_of_each() -> None:
    handlers = serving([tag("a:latest"), tag("b:7b")], {"a:latest": LLM, "b:7b": LLM}, ("b:7b",))
    async with fake(handlers) as server, opened(OllamaProvider(url=server.url)) as provider:
        assert await provider.models() == (
            Model("a:latest", "digest-of-a:latest", "ollama", ("completion",), 32768, 7, False),
            Model("b:7b", "digest-of-b:7b", "ollama", ("completion",), 32768, 7, True),
        )
        await provider.models()
        assert len(server.to("/api/show")) == 2, "asked once per digest"


async def test_nothing_there() -> None:
    async with fake(serving([], {})) as server, opened(OllamaProvider(url=server.url)) as provider:
        assert await provider.models() == ()


async def test_null_for_a_list() -> None:
    async def null(exchange: Exchange) -> None:
        await exchange.answer(200, b'{"models":null}')

    async with fake({"/api/tags": null, "/api/ps": null}) as server, opened(OllamaProvider(url=server.url)) as provider:
        assert await provider.models() == ()


async def test_the_list_does_without_what_is_loaded() -> None:
    handlers = serving([tag("a:latest")], {"a:latest": LLM})
    del handlers["/api/ps"]
    async with fake(handlers) as server, opened(OllamaProvider(url=server.url)) as provider:
        assert [model.loaded for model in await provider.models()] == [False]


async def test_a_slow_show_does_not_hold_the_list() -> None:
    gate = asyncio.Event()
    handlers = serving([tag(f"m{n}") for n in range(20)], {})
    asking = most = 0

    async def slow(exchange: Exchange) -> None:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await gate.wait()
        asking -= 1
        await exchange.answer(200, json.dumps(LLM).encode())

    async with fake({**handlers, "/api/show": slow}) as server, opened(OllamaProvider(url=server.url)) as provider:
        started = time.monotonic()
        first = await provider.models()
        assert time.monotonic() - started < 1.5
        assert [model.context_length for model in first] == [None] * 20
        gate.set()
        second = await provider.models()
        assert [model.context_length for model in second] == [32768] * 20
    assert most == 4


async def test_models_that_only_embed_are_left_out() -> None:
    embedder = {"capabilities": ["embedding"], "model_info": {}}
    tags = [tag("a"), tag("e"), tag("unknown-bert", details={"family": "bert"}), tag("new", capabilities=["embedding"])]
    async with (
        fake(serving(tags, {"a": LLM, "e": embedder})) as server,
        opened(OllamaProvider(url=server.url)) as provider,
    ):
        assert [model.name for model in await provider.models()] == ["a"]


CLOUD = [tag("big:cloud"), tag("huge:120b-cloud"), tag("alias", remote_host="https://ollama.com"), tag("here")]


async def test_models_of_the_cloud_are_hidden_and_refused() -> None:
    shows = dict.fromkeys(("big:cloud", "huge:120b-cloud", "alias", "here"), LLM)
    async with fake(serving(CLOUD, shows)) as server, opened(OllamaProvider(url=server.url)) as provider:
        assert [model.name for model in await provider.models()] == ["here"]
        for name in ("big:cloud", "huge:120b-cloud", "alias", "never-listed:cloud"):
            reply = await ask(provider, request(name))
            assert isinstance(reply.error, ModelUnsupported | ModelNotFound)
            assert not reply.chunks
        assert not server.to("/api/chat"), "not a word of the prompt left"


async def test_a_model_whose_show_tells_of_the_cloud() -> None:
    handlers = serving([tag("sly")], {"sly": {**LLM, "remote_host": "https://ollama.com"}})
    async with fake(handlers) as server, opened(OllamaProvider(url=server.url)) as provider:
        assert await provider.models() == ()
        assert isinstance((await ask(provider, request("sly"))).error, ModelUnsupported)


async def test_models_of_the_cloud_where_they_are_allowed() -> None:
    shows = dict.fromkeys(("big:cloud", "huge:120b-cloud", "alias", "here"), LLM)
    async with (
        fake(serving(CLOUD, shows)) as server,
        opened(OllamaProvider(url=server.url, allow_cloud=True)) as provider,
    ):
        assert len(await provider.models()) == 4
        assert (await ask(provider, request("big:cloud"))).text == "a"


@pytest.mark.parametrize(
    ("parameters", "context_length", "expected"),
    [
        ("", 32768, 5000),
        ("num_ctx                        4096\ntemperature                    0", 32768, 4096),
        ("temperature 1\nnum_ctx 65536", 32768, 32768),
        ("", 2048, 2048),
        ("", None, 5000),
        ('stop "num_ctx 77"', 32768, 5000),
    ],
)
async def test_the_window_of_a_model(parameters: str, context_length: int | None, expected: int) -> None:
    info = {} if context_length is None else {"llama.context_length": context_length}
    handlers = serving([tag("a")], {"a": {**LLM, "parameters": parameters, "model_info": info}})
    async with fake(handlers) as server, opened(OllamaProvider(url=server.url, num_ctx=5000)) as provider:
        (model,) = await provider.models()
        setup = await provider.setup(model)
    assert setup.num_ctx == expected
    assert setup.model.context_length == context_length


async def test_setup_of_a_model_that_went_away() -> None:
    async with fake(serving([], {})) as server, opened(OllamaProvider(url=server.url)) as provider:
        with pytest.raises(ModelNotFound, match="ollama pull gone"):
            await provider.setup(Model("gone", "x", "ollama"))


async def test_a_list_that_is_none() -> None:
    async def page(exchange: Exchange) -> None:
        await exchange.answer(200, b"<html>hello</html>", "text/html")

    async with fake({"/api/tags": page, "/api/ps": page}) as server, opened(OllamaProvider(url=server.url)) as provider:
        with pytest.raises(ProviderError, match="does not speak as Ollama"):
            await provider.models()


async def test_a_server_that_comes_back_is_found() -> None:
    async with fake(serving([tag("a")], {"a": LLM})) as server:
        url = server.url
    async with opened(OllamaProvider(url=url)) as provider:
        with pytest.raises(ProviderUnreachable, match="is not running at"):
            await provider.models()
        port = int(url.rpartition(":")[2])
        async with fake(serving([tag("a")], {"a": LLM}), port):
            assert [model.name for model in await provider.models()] == ["a"]


@pytest.mark.parametrize(
    ("capabilities", "think", "begun", "expected"),
    [
        (["completion", "thinking"], None, (), True),
        (["completion", "thinking"], True, (), True),
        (["completion", "thinking"], False, (), False),
        (["completion", "thinking"], True, ("so far",), False),
        (["completion"], None, (), None),
        (["completion"], True, (), None),
        (["completion"], False, (), None),
    ],
)
async def test_thinking_is_said_where_it_can_be(
    capabilities: list[str], think: bool | None, begun: tuple[str, ...], expected: bool | None
) -> None:
    handlers = serving([tag("a")], {"a": {**LLM, "capabilities": capabilities}})
    options = {} if think is None else {"think": think}
    async with fake(handlers) as server, opened(OllamaProvider(url=server.url)) as provider:
        await ask(provider, request("a", *begun, **options))
        assert server.to("/api/chat")[0].body.get("think") is expected


async def test_the_path_and_the_headers_of_the_configuration() -> None:
    async def tags(exchange: Exchange) -> None:
        await exchange.answer(200, b'{"models":[]}')

    async with fake({"/behind/proxy/api/tags": tags}) as server:
        provider = OllamaProvider(url=f"{server.url}/behind/proxy/", headers={"X-Key": "k", "Host": "localhost:11434"})
        async with opened(provider):
            assert await provider.models() == ()
        headers = server.to("/behind/proxy/api/tags")[0].headers
    assert headers["x-key"] == "k"
    assert headers["host"] == "localhost:11434"
    assert headers["accept-encoding"] == "identity"
    assert "cookie" not in headers


async def test_closing_in_the_middle_of_a_question() -> None:
    gate = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await gate.wait()

    async with fake({**serving([tag("a")], {}), "/api/show": slow}) as server:
        provider = OllamaProvider(url=server.url)
        await provider.open()
        await provider.models()
        await provider.close()
        await asyncio.wait_for(server.to("/api/show")[0].hung_up.wait(), 1)
        await provider.close()
