"""Health, readiness, who is asking, models, lists; and what the server does with the extension."""

from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp

import jupyter_aichat
from jupyter_aichat.app import AIChatApp
from jupyter_aichat.server.socket import SocketHandler
from tests.server.client import Client, Refused


async def test_health_and_readiness_are_open_and_tell(client: Client) -> None:
    bare = {"Authorization": ""}
    health = (await client.request("GET", "/health", headers=dict(bare)))[1]
    version = jupyter_aichat.__version__
    assert health == {"status": "ok", "state": "ready", "code": None, "version": version, "service": None}
    status, ready = await client.request("GET", "/ready", headers=dict(bare))
    assert status == 200
    assert ready["parts"] == {"store": "ok", "bus": "ok", "cache": "ok", "provider": "down"}  # there is no Ollama
    assert ready["status"] == "degraded"


async def test_me(client: Client) -> None:
    me = await client.get("/me")
    assert (me["owner_id"], me["roles"]) == ("local", ["user"])
    assert me["limits"] == {
        "body": 1048576, "frame": 1048576, "requests_per_minute": None, "sends_per_minute": None, "connections": None,
        "quotas": [],
    }  # fmt: skip
    assert await client.get("/me") == me, "each request has another anonymous user, but they are one owner"


async def test_models(client: Client, models: list[str]) -> None:
    found = await client.get("/models")
    assert found["default"] == models[0]
    assert set(models) <= {model["name"] for model in found["items"]}
    assert found["next"] is None
    states = {provider["name"]: provider for provider in found["providers"]}
    assert states["scripted"] == {"name": "scripted", "state": "ok", "error": None}
    assert states["ollama"]["state"] == "unreachable"
    assert states["ollama"]["error"]["code"] == "provider_unreachable"


async def test_lists_are_paged_with_opaque_cursors(client: Client) -> None:
    made = [await client.new_chat(title=f"chat {n}") for n in range(7)]
    seen: list[str] = []
    page = await client.get("/chats", limit=3)
    while True:
        assert len(page["items"]) <= 3
        seen += [chat["id"] for chat in page["items"]]
        if page["next"] is None:
            break
        page = await client.get("/chats", limit=3, cursor=page["next"])
    assert seen == made[::-1]
    found = await client.get("/chats", q="CHAT 5")
    assert [chat["id"] for chat in found["items"]] == [made[5]]


async def test_archived_and_pinned_chats(client: Client) -> None:
    plain, pinned, archived = [await client.new_chat() for _ in range(3)]
    await client.request("PATCH", f"/chats/{pinned}", {"pinned": True})
    await client.request("PATCH", f"/chats/{archived}", {"archived": True})

    async def ids(**params: str) -> list[str]:
        return [chat["id"] for chat in (await client.get("/chats", **params))["items"]]

    assert await ids() == [pinned, plain]
    assert await ids(archived="true") == [archived]
    assert await ids(pinned="true") == [pinned]
    assert await ids(pinned="false") == [plain]


async def test_a_chats_model_and_options_can_be_set_and_cleared(client: Client) -> None:
    chat = await client.new_chat(options={"temperature": 0.5, "system": "Be brief."})
    changed = (await client.request("PATCH", f"/chats/{chat}", {"model": "echo", "options": {"seed": 1}}))[1]
    assert (changed["model"], changed["options"]) == ("echo", {"seed": 1})
    cleared = (await client.request("PATCH", f"/chats/{chat}", {"model": None}))[1]
    assert (cleared["model"], cleared["options"]) == (None, {"seed": 1})
    for fields in ({"title": None}, {"active_leaf": None}, {"id": "x"}, {"preset_id": "x"}):
        with pytest.raises(Refused):
            await client.request("PATCH", f"/chats/{chat}", fields)


# What the server asks of an extension


async def test_requests_before_the_start_hook_are_told_to_wait(app: AIChatApp, jp_fetch: Any, jp_ws_fetch: Any) -> None:
    client = Client(jp_fetch, jp_ws_fetch)
    with pytest.raises(Refused) as caught:
        await client.get("/chats")
    assert (caught.value.status, caught.value.code) == (503, "not_ready")
    assert caught.value.headers["Retry-After"] == "2"
    with pytest.raises(Exception, match="503"):
        await client.socket()
    assert (await client.get("/health"))["state"] == "starting"
    assert (await client.get("/me"))["owner_id"] == "local"
    with pytest.raises(Refused) as caught:
        await client.get("/ready")
    assert caught.value.body["status"] == "down"


def test_the_start_hook_takes_the_server() -> None:
    hook = AIChatApp._start_jupyter_server_extension
    assert inspect.iscoroutinefunction(hook)
    assert list(inspect.signature(hook).parameters) == ["self", "serverapp"]


async def test_initializing_opens_nothing(app: AIChatApp, store_file: Any) -> None:
    assert not store_file.parent.exists()
    assert app.host.kernel_token is None


async def test_the_stop_hook_never_raises(client: Client, started: AIChatApp, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_aichat.engine.engine import Engine

    async def broken(*_: object) -> None:
        raise RuntimeError("boom")

    stop = Engine.stop
    monkeypatch.setattr(Engine, "stop", broken)
    await started.stop_extension()
    await started.stop_extension()
    with pytest.raises(Refused) as caught:
        await client.get("/chats")
    assert caught.value.code == "not_ready"
    await stop(started.host.lifecycle._engine)  # type: ignore[arg-type]


async def test_the_stop_hook_is_safe_without_a_start(app: AIChatApp) -> None:
    await app.stop_extension()
    await AIChatApp().stop_extension()


async def test_a_stopping_server_tells_its_sockets_to_come_back(client: Client, started: AIChatApp) -> None:
    socket = await client.socket()
    run = (await socket.ask("send", text="Count.", model="endless-5"))["run"]["id"]
    await socket.until("event")
    begun = asyncio.get_running_loop().time()
    stopping = asyncio.ensure_future(started.stop_extension())
    last = (await socket.events(run))[-1]["event"]
    assert (last["state"], last["reason"]) == ("interrupted", "server_stopping")
    with pytest.raises(ConnectionError, match="1012"):
        await socket.frame()
    await stopping
    assert asyncio.get_running_loop().time() - begun < 5


async def test_answers_under_way_and_sockets_are_activity(
    client: Client, started: AIChatApp, jp_serverapp: ServerApp
) -> None:
    assert not started.current_activity()
    run = (await client.send(await client.new_chat(), model="endless-50"))["run"]["id"]
    assert started.current_activity() == {"runs": 1}
    await client.delete(f"/runs/{run}")
    await client.wait_for_end(run)
    assert not started.current_activity()

    settings = jp_serverapp.web_app.settings
    long_ago = datetime.now(UTC) - timedelta(days=1)
    settings["api_last_activity"] = long_ago
    for path in ("/health", "/ready", "/models"):
        await client.get(path)
    assert settings["api_last_activity"] == long_ago
    socket = await client.socket()
    await socket.ask("ping")
    assert datetime.now(UTC) - settings["last_activity_times"]["jupyter_aichat"] < timedelta(minutes=1)


@pytest.fixture
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_aichat.server.busy.EVERY_S", 0.02)


async def test_an_answer_that_nobody_reads_keeps_the_server_from_being_culled_by_a_hub(
    looking_often: None, client: Client, jp_serverapp: ServerApp
) -> None:
    run = (await client.send(await client.new_chat(), model="endless-50"))["run"]["id"]
    last_activity: Any = jp_serverapp.web_app.last_activity
    begun = datetime.now(UTC)
    async with asyncio.timeout(5):
        while last_activity() <= begun:
            await asyncio.sleep(0.01)
    await client.delete(f"/runs/{run}")


async def test_sockets_are_pinged_in_seconds_by_tornado_alone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    opened = SocketHandler.open

    def open_(self: SocketHandler, *args: Any, **kwargs: Any) -> None:
        told.append((self, self.ws_connection))
        opened(self, *args, **kwargs)

    monkeypatch.setattr(SocketHandler, "open", open_)
    await client.socket()
    ((handler, protocol),) = told
    assert (protocol.ping_interval, protocol.ping_timeout) == (25, 10)
    assert handler.ping_callback is None, "Jupyter's own timer would read our seconds as milliseconds"


async def test_a_socket_whose_client_answers_pings_stays_open(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_aichat.server.client_socket.PING_INTERVAL_S", 0.1)
    monkeypatch.setattr("jupyter_aichat.server.client_socket.PING_TIMEOUT_S", 0.1)
    socket = await client.socket()
    await asyncio.sleep(0.6)
    assert (await socket.ask("ping"))["type"] == "ack"


async def test_a_socket_that_goes_away_leaves_nothing_behind(client: Client, started: AIChatApp) -> None:
    lifecycle = started.host.lifecycle
    for _ in range(5):
        socket = await client.socket()
        await socket.ask("send", text="Count.", model="endless-50")
        await socket.until("event")
        socket.connection.close()
    while lifecycle.connections:
        await asyncio.sleep(0.01)
    assert started.current_activity() == {"runs": 5}, "answers belong to the service, not to a socket"
    engine = lifecycle.engine
    assert engine._owners._watchers == {}
    assert engine._health._watchers == []
    assert all(not live._readers for live in engine._workers)
