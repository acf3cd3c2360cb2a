"""Several Ollamas as one provider, over real sockets: which is asked, and what happens as they go and come."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec
import pytest
from traitlets import TraitError
from traitlets.config import Config, Configurable

from jupyter_aichat.domain.model import Model
from jupyter_aichat.errors import ModelNotFound, ProviderBusy, ProviderUnreachable, StreamInterrupted
from jupyter_aichat.providers import ollama_pool
from jupyter_aichat.providers.ollama_pool import OllamaPool
from tests.contract.provider_servers import DONE, Exchange, FakeServer, Handler, answering, chat, fake, line, streaming
from tests.contract.provider_targets import Reply, ask, opened, request, streamed

SAME, OTHER = "a" * 64, "b" * 64


def having(*names: str, digest: str = SAME, loaded: tuple[str, ...] = ()) -> dict[str, Handler]:
    """Return handlers of a server with these models."""

    def said(models: tuple[str, ...]) -> Handler:
        rows = [{"name": name, "model": name, "digest": digest, "size": 1, "details": {}} for name in models]
        return lambda exchange: exchange.answer(200, json.dumps({"models": rows}).encode())

    return {"/api/tags": said(names), "/api/ps": said(loaded)}


def writing(text: str, until: asyncio.Event | None = None) -> dict[str, Handler]:
    """Return handlers that answer with a text, and end it when they are told."""

    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.send(line(text))
        if until is not None:
            await until.wait()
        await exchange.send(DONE)
        await exchange.end()

    return chat(handler)


@contextlib.asynccontextmanager
async def pool_of(*urls: str, **traits: object) -> AsyncIterator[OllamaPool]:
    """Open a pool that knows its models."""
    config = Config({"OllamaProvider": {"connect_timeout_s": 1.0, **traits}})
    async with opened(OllamaPool(urls=list(urls), parent=Configurable(config=config))) as pool:
        with contextlib.suppress(ProviderUnreachable):
            await pool.models()
        yield pool


def asked(*servers: FakeServer) -> list[int]:
    return [len(server.to("/api/chat")) for server in servers]


async def test_offers_what_any_of_them_has() -> None:
    async with (
        fake(having("both:latest", "left:latest")) as left,
        fake(having("both:latest", "right:latest", loaded=("both:latest",))) as right,
        pool_of(left.url, right.url) as pool,
    ):
        models = {model.name: model for model in await pool.models()}
        assert models.keys() == {"both:latest", "left:latest", "right:latest"}
        assert models["both:latest"].loaded
        assert (await pool.setup(models["right:latest"])).model.name == "right:latest"
        assert [server.up for server in pool.servers] == [True, True]


async def test_asks_the_server_that_has_the_model() -> None:
    async with (
        fake({**having("left:latest"), **writing("left")}) as left,
        fake({**having("right:latest"), **writing("right")}) as right,
        pool_of(left.url, right.url) as pool,
    ):
        for name in ("right", "left:latest", "right:latest"):
            assert (await ask(pool, request(name))).text == name.partition(":")[0]


async def test_asks_where_the_model_is_loaded_and_then_who_writes_least() -> None:
    end = asyncio.Event()
    async with (
        fake({**having("m:latest"), **writing("cold", end)}) as cold,
        fake({**having("m:latest", loaded=("m:latest",)), **writing("warm", end)}) as warm,
        pool_of(cold.url, warm.url, parallel=2) as pool,
    ):
        answers = []
        for expected in ([0, 1], [0, 2], [1, 2], [2, 2]):
            answers.append(asyncio.create_task(ask(pool, request("m"))))
            async with asyncio.timeout(5):
                while asked(cold, warm) != expected:
                    await asyncio.sleep(0.005)
        assert [server.streams for server in pool.servers] == [2, 2]
        end.set()
        assert [reply.text for reply in await asyncio.gather(*answers)] == ["warm", "warm", "cold", "cold"]
        assert [server.streams for server in pool.servers] == [0, 0]


async def test_servers_that_take_any_number_share_the_work() -> None:
    end = asyncio.Event()
    async with (
        fake({**having("m:latest"), **writing("cold", end)}) as cold,
        fake({**having("m:latest", loaded=("m:latest",)), **writing("warm", end)}) as warm,
        pool_of(cold.url, warm.url, parallel=0) as pool,
    ):
        answers = [asyncio.create_task(ask(pool, request("m"))) for _ in range(6)]
        async with asyncio.timeout(5):
            while sum(asked(cold, warm)) < len(answers):
                await asyncio.sleep(0.005)
        assert asked(cold, warm) == [3, 3]
        end.set()
        await asyncio.gather(*answers)


async def test_a_server_is_full_for_one_model_and_free_for_another() -> None:
    end = asyncio.Event()
    async with (
        fake({**having("a:latest", "b:latest", loaded=("a:latest", "b:latest")), **writing("one", end)}) as one,
        fake({**having("a:latest", "b:latest"), **writing("two", end)}) as two,
        pool_of(one.url, two.url, parallel=1) as pool,
    ):
        answers = []
        for name, expected in (("a", [1, 0]), ("b", [2, 0]), ("a", [2, 1])):
            answers.append(asyncio.create_task(ask(pool, request(name))))
            async with asyncio.timeout(5):
                while asked(one, two) != expected:
                    await asyncio.sleep(0.005)
        end.set()
        await asyncio.gather(*answers)


async def test_of_two_models_with_one_name_the_first_servers_is_asked() -> None:
    async with (
        fake({**having("m:latest"), **writing("first")}) as first,
        fake({**having("m:latest", digest=OTHER, loaded=("m:latest",)), **writing("second")}) as second,
        pool_of(first.url, second.url) as pool,
    ):
        (model,) = await pool.models()
        assert (model.digest, model.loaded) == (SAME, False)
        assert [(await ask(pool, request("m"))).text for _ in range(3)] == ["first"] * 3
        assert pool.parallel_of("m") == 1


async def test_a_question_is_answered_by_the_model_that_it_was_put_to() -> None:
    async with (
        fake({**having("m:latest", digest=OTHER), **writing("second")}) as second,
        contextlib.AsyncExitStack() as until_gone,
    ):
        first = await until_gone.enter_async_context(fake({**having("m:latest"), **writing("first")}))
        async with pool_of(first.url, second.url) as pool:
            wanted = msgspec.structs.replace(request("m"), digest=OTHER)
            assert [(await ask(pool, wanted)).text for _ in range(3)] == ["second"] * 3
            gone = msgspec.structs.replace(request("m"), digest="c" * 64)
            assert (await ask(pool, gone)).text == "first", "none has it any more: as with one server"
            await until_gone.aclose()
            wanted = msgspec.structs.replace(request("m"), digest=SAME)
            assert isinstance((await ask(pool, wanted)).error, ProviderUnreachable), "the other's is another model"
            (model,) = await pool.models()
            assert model.digest == OTHER, "which is on offer now"
            assert (await ask(pool, request("m"))).text == "second"


async def cut(exchange: Exchange) -> None:
    exchange.cut()


async def cut_after_the_head(exchange: Exchange) -> None:
    await exchange.begin()
    exchange.cut()


@pytest.mark.parametrize(
    "broken",
    [chat(cut), chat(cut_after_the_head), answering(503, '{"error":"server busy"}'), answering(404, '{"error":"model \'m\' not found"}')],
    ids=["cut", "cut after the head", "busy", "model gone"],
)  # fmt: skip
async def test_another_is_asked_before_the_first_word(
    broken: dict[str, Handler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_aichat.providers.ollama._BUSY_PAUSES_S", ())
    async with (
        fake({**having("m:latest", loaded=("m:latest",)), **broken}) as bad,
        fake({**having("m:latest"), **writing("good")}) as good,
        pool_of(bad.url, good.url) as pool,
    ):
        assert (await ask(pool, request("m"))).text == "good"
        assert asked(bad, good) == [1, 1]


async def test_a_busy_server_keeps_nobody_waiting_while_another_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_aichat.providers.ollama._BUSY_PAUSES_S", (30.0,))
    async with (
        fake({**having("m:latest", loaded=("m:latest",)), **answering(503, '{"error":"server busy"}')}) as busy,
        fake({**having("m:latest"), **writing("free")}) as free,
        pool_of(busy.url, free.url) as pool,
    ):
        async with asyncio.timeout(5):
            assert (await ask(pool, request("m"))).text == "free"


async def test_an_answer_that_was_begun_is_not_begun_again() -> None:
    async def dies(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.send(line("half of "))
        exchange.cut()

    async with (
        fake({**having("m:latest", loaded=("m:latest",)), **chat(dies)}) as bad,
        fake({**having("m:latest"), **writing("good")}) as good,
        pool_of(bad.url, good.url) as pool,
    ):
        reply = await ask(pool, request("m"))
        assert (reply.text, type(reply.error)) == ("half of ", StreamInterrupted)
        assert asked(bad, good) == [1, 0]


@pytest.mark.parametrize(
    ("broken", "expected"),
    [(chat(cut), ProviderUnreachable | StreamInterrupted), (answering(503, '{"error":"server busy"}'), ProviderBusy)],
    ids=["cut", "busy"],
)
async def test_each_is_asked_once_and_the_last_says_what_is_the_matter(
    broken: dict[str, Handler], expected: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_aichat.providers.ollama._BUSY_PAUSES_S", ())
    async with (
        fake({**having("m:latest"), **broken}) as one,
        fake({**having("m:latest"), **broken}) as two,
        pool_of(one.url, two.url) as pool,
    ):
        reply = await ask(pool, request("m"))
        assert isinstance(reply.error, expected)
        assert asked(one, two) == [1, 1]


async def test_one_goes_and_comes_back() -> None:
    handlers = {**having("m:latest"), **writing("here")}
    async with fake(handlers) as stays:
        async with fake(handlers) as goes:
            port = int(goes.url.rpartition(":")[2])
            async with pool_of(stays.url, goes.url, parallel=3) as pool:
                assert pool.parallel_of("m") == 6
                await goes.stop()
        # the pool is closed with the server above; another one, which knew both, sees it go
        async with pool_of(stays.url, f"http://127.0.0.1:{port}", parallel=3) as pool:
            assert [server.up for server in pool.servers] == [True, False]
            assert pool.parallel_of("m") == 3
            assert (await ask(pool, request("m"))).text == "here"
            async with fake(handlers, port):
                await pool.models()
                assert [server.up for server in pool.servers] == [True, True]
                assert pool.parallel_of("m") == 6


async def test_one_that_hangs_keeps_nobody_waiting() -> None:
    async def hangs(exchange: Exchange) -> None:
        await exchange.hang()

    async with (
        fake({**having("m:latest"), **writing("quick")}) as quick,
        fake({"/api/tags": hangs, "/api/ps": hangs}) as slow,
        opened(OllamaPool(urls=[quick.url, slow.url])) as pool,
    ):
        async with asyncio.timeout(3):
            assert [model.name for model in await pool.models()] == ["m:latest"]
            assert (await ask(pool, request("m"))).text == "quick"


async def test_when_all_are_slow_the_first_that_answers_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_pool, "PATIENCE_S", 0.01)
    asked, answer = asyncio.Event(), asyncio.Event()
    quick = having("m:latest")

    async def slow(exchange: Exchange) -> None:
        asked.set()
        await answer.wait()
        await quick["/api/tags"](exchange)

    async def hangs(exchange: Exchange) -> None:
        await exchange.hang()

    async with (
        fake({**quick, "/api/tags": slow}) as one,
        fake({"/api/tags": hangs}) as two,
        opened(OllamaPool(urls=[one.url, two.url])) as pool,
    ):
        listing = asyncio.create_task(pool.models())
        await asked.wait()
        done, _ = await asyncio.wait([listing], timeout=0.1)
        assert not done, "no list is better than one that says there is nothing"
        answer.set()
        assert [model.name for model in await listing] == ["m:latest"]


async def test_one_that_is_back_is_found_though_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_pool, "LOOK_S", 0.02)
    handlers = having("m:latest")
    async with fake(handlers) as goes:
        port = int(goes.url.rpartition(":")[2])
    async with fake(handlers) as stays, pool_of(stays.url, goes.url, parallel=3) as pool:
        assert pool.parallel_of("m") == 3
        async with fake(handlers, port), asyncio.timeout(10):
            while pool.parallel_of("m") != 6:
                await asyncio.sleep(0.01)


async def test_all_are_away() -> None:
    async with fake({}) as one, fake({}) as two:
        urls = one.url, two.url
    async with pool_of(*urls) as pool:
        with pytest.raises(ProviderUnreachable):
            await pool.models()
        with pytest.raises(ProviderUnreachable):
            await pool.setup(Model("m", None, "ollama"))
        assert isinstance((await ask(pool, request("m"))).error, ProviderUnreachable)
        assert pool.parallel_of("m") == 2  # what is asked for waits for them


async def test_none_has_the_model() -> None:
    gone = answering(404, '{"error":"model \'m\' not found"}')
    async with (
        fake({**having("a"), **gone}) as one,
        fake({**having("b"), **gone}) as two,
        pool_of(one.url, two.url) as pool,
    ):
        reply: Reply = await ask(pool, request("m"))
        assert isinstance(reply.error, ModelNotFound)


async def test_who_stops_reading_closes_the_one_connection() -> None:
    never = asyncio.Event()
    async with (
        fake({**having("m:latest"), **writing("a", never)}) as one,
        fake({**having("m:latest"), **writing("a", never)}) as two,
        pool_of(one.url, two.url) as pool,
    ):
        async with aclosing(streamed(pool, request("m"))) as answer:
            await anext(answer)
        (exchange,) = [*one.to("/api/chat"), *two.to("/api/chat")]
        await asyncio.wait_for(exchange.hung_up.wait(), 1)
        assert [server.streams for server in pool.servers] == [0, 0]


async def test_the_servers_are_named_by_trait_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "gpu-1, https://gpu-2/ollama ,:11500")
    assert OllamaPool().urls == ["http://gpu-1:11434", "https://gpu-2:443/ollama", "http://127.0.0.1:11500"]
    monkeypatch.setenv("OLLAMA_HOST", "gpu-1")
    assert OllamaPool().urls == []
    pool = OllamaPool(urls=["a", "b"], parallel={"b": 4})
    assert pool.parallel_of("m") == 1 + 4
    for traits in (
        {"urls": ["a", "http://a:11434"]},
        {"urls": ["ftp://a"]},
        {"parallel": {"ftp://a": 1}},
        {"parallel": {"a": 0}},
    ):
        with pytest.raises(TraitError):
            OllamaPool(**traits)


async def test_streams_without_a_server_of_its_own_are_as_before() -> None:
    async with fake({**having("m:latest"), **streaming(line("a"), line("b"), DONE)}) as only, pool_of(only.url) as pool:
        assert (await ask(pool, request("m"))).text == "ab"
