"""What Prometheus reads of a personal server: numbers that fit what was done, and nothing that names it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_aichat.app import AIChatApp
from tests.metrics.scrape import Scrape
from tests.server.client import API, Client, Refused

CANARY = "xylophone canary"


@pytest.fixture
def scrape(started: AIChatApp, jp_fetch: Callable[..., Any]) -> Callable[..., Any]:
    """Ask for the metrics."""

    async def scrape(**kwargs: Any) -> Scrape:
        answer = await jp_fetch(*API, "metrics", **kwargs)
        assert answer.headers["Content-Type"].startswith("text/plain")
        return Scrape(answer.body.decode())

    return scrape


async def test_what_was_done_is_counted(client: Client, scrape: Callable[..., Any]) -> None:
    chat = await client.new_chat()
    for _ in range(2):
        await client.wait_for_end((await client.send(chat))["run"]["id"])
    endless = await client.send(chat, model="endless-50")
    found = await scrape()
    assert found.value("aichat_runs", state="streaming") + found.value("aichat_runs", state="loading") == 1
    await client.delete(f"/runs/{endless['run']['id']}")
    await client.wait_for_end(endless["run"]["id"])
    with pytest.raises(Refused):
        await client.get("/chats/unknown")
    found = await scrape()
    assert found.value("aichat_runs") == 0
    assert found.value("aichat_runs_ended_total", state="completed", reason="stop") == 2
    assert found.value("aichat_runs_ended_total", state="stopped", reason="user") == 1
    assert found.value("aichat_first_token_seconds_count", model="scripted/counter-40-2") == 2
    assert found.value("aichat_tokens_total", model="scripted/counter-40-2", kind="completion") == 80
    assert found.value("aichat_queue_wait_seconds_count") == 3
    assert found.value("aichat_requests_total", route="/chats/{chat_id}", method="GET", status="404") == 1
    assert found.value("aichat_requests_total", route="/chats/{chat_id}/messages", method="POST", status="202") == 3
    assert found.value("aichat_request_seconds_count", route="/runs/{run_id}/events") == 0
    assert found.value("aichat_part_seconds_count", part="store", operation="commit") == 3
    assert found.value("aichat_part_seconds_count", part="bus", operation="append") > 0
    assert found.value("aichat_ready", part="store") == 1
    assert found.value("aichat_ready", part="provider") == 0
    assert found.value("aichat_build_info", mode="personal") == 1


async def test_tokens_cost_no_observation(client: Client, scrape: Callable[..., Any], started: AIChatApp) -> None:
    """A long answer is observed as often as a short one, apart from what goes by the clock."""
    calls = 0
    metrics: Any = started.host.metrics

    def count(name: str) -> None:
        told = getattr(metrics, name)

        def counted(*args: Any) -> None:
            nonlocal calls
            if name != "asked" or (args[0] == "store" and args[1] not in ("checkpoint", "stop_requests", "changes")):
                calls += 1
            told(*args)

        setattr(metrics, name, counted)

    for name in ("admitted", "ended", "asked"):
        count(name)
    chat, seen = await client.new_chat(), []
    for model in ("counter-40-2", "counter-1000-0"):
        calls = 0
        await client.wait_for_end((await client.send(chat, model=model))["run"]["id"])
        seen.append(calls)
    assert seen[1] <= seen[0] + 5  # 960 tokens more
    assert seen[0] > 5


async def test_open_connections_are_seen(client: Client, scrape: Callable[..., Any]) -> None:
    sockets = [await client.socket() for _ in range(3)]
    assert (await scrape()).value("aichat_connections", kind="socket") == 3
    sockets[0].connection.close()
    async with asyncio.timeout(10):
        while (await scrape()).value("aichat_connections", kind="socket") != 2:
            await asyncio.sleep(0.02)


async def test_a_loop_that_is_late_is_seen(scrape: Callable[..., Any]) -> None:
    time.sleep(0.7)  # noqa: ASYNC251 (that is the fault)
    async with asyncio.timeout(10):
        while (await scrape()).value("aichat_loop_lag_seconds_count") == 0:
            await asyncio.sleep(0.02)
    assert (await scrape()).value("aichat_loop_lag_seconds_sum") > 0.1


async def test_labels_are_bounded_and_say_nothing(
    client: Client, scrape: Callable[..., Any], started: AIChatApp
) -> None:
    """Whatever people type, in paths, methods, models and texts: no series bears it."""
    chat = await client.new_chat(title=CANARY)
    await client.wait_for_end((await client.send(chat, CANARY, model=CANARY))["run"]["id"])
    for path in (f"/chats/{CANARY.split(maxsplit=1)[0]}", f"/{CANARY.split(maxsplit=1)[0]}"):
        with pytest.raises(Refused):
            await client.get(path, q=CANARY)
    found = await scrape()
    assert (
        found.value("aichat_run_errors_total", code="model_not_found")
        + found.value("aichat_run_errors_total", code="provider_unreachable")
        == 1
    )
    text = found.text
    assert CANARY.split(maxsplit=1)[0] not in text
    assert chat not in text
    assert "127.0.0.1" not in text
    assert started.local_owner not in found.values_of("owner")


async def test_a_server_that_cannot_start_says_so(app: AIChatApp, jp_fetch: Callable[..., Any]) -> None:
    """Before the start hook there is no engine, and the metrics are there all the same."""
    found = Scrape((await jp_fetch(*API, "metrics")).body.decode())
    assert found.value("aichat_ready", part="service") == 0
    assert found.value("aichat_runs") == 0


@pytest.fixture
def token_file(tmp_path: Path, aichat_config: dict[str, Any]) -> str:
    token = "metrics-" + "0123456789abcdef" * 2
    (tmp_path / "metrics-token").write_text(token + "\n")
    aichat_config["metrics_token_file"] = str(tmp_path / "metrics-token")
    return token


async def test_the_token_opens_the_metrics_alone(
    token_file: str, scrape: Callable[..., Any], jp_fetch: Callable[..., Any]
) -> None:
    headers = {"Authorization": f"Bearer {token_file}"}
    assert (await scrape(headers=dict(headers))).value("aichat_build_info") == 1
    for path in ("chats", "me", "models"):
        with pytest.raises(HTTPClientError) as caught:
            await jp_fetch(*API, path, headers=dict(headers))
        assert caught.value.code == 403
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch(*API, "metrics", headers={"Authorization": f"Bearer {token_file[:-1]}x"})
    assert caught.value.code == 403


async def test_the_token_is_never_logged(
    token_file: str, scrape: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await scrape(headers={"Authorization": f"Bearer {token_file}"})
    assert token_file not in caplog.text
