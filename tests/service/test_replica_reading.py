"""DESIGN of a run, 6: the rest of a run in order, once, from any replica, whoever generates it and whatever was missed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import random
import socket
import time
from urllib.parse import urlsplit

import pytest

from jupyter_aichat.providers.scripted_scenarios import Cue, script_for
from tests.server.client import counted
from tests.server.process import TOKEN
from tests.service.cluster import READ, Cluster, Replica, View, read_sse, within
from tests.service.processes import text_of

log = logging.getLogger(__name__)

CUT_S = 30.0
LAST = 900
LONG = f"counter-{LAST}-40"
MB = 1024 * 1024


def said(model: str) -> str:
    """What a direct reader of the model sees."""
    script = script_for(model, Cue("Count."))
    assert script is not None
    return "".join(script.tokens)


class SlowReader:
    """Takes a run's events at 1 kB/s, on a connection that buffers next to nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.data = b""
        self._slowly = asyncio.create_task(self._trickle())

    @classmethod
    async def open(cls, replica: Replica, run_id: str) -> SlowReader:
        url = urlsplit(f"{replica.http.base_url}runs/{run_id}/events")
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (url.hostname, url.port))
        reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
        writer.write(f"GET {url.path} HTTP/1.0\r\nAuthorization: token {TOKEN}\r\n\r\n".encode())
        return cls(reader, writer)

    async def _trickle(self) -> None:
        while True:
            self.data += await self._reader.read(100)
            await asyncio.sleep(0.1)

    async def rest(self) -> View:
        """Take the rest at full speed; return what all of it says."""
        self._slowly.cancel()
        await asyncio.wait([self._slowly])
        rest = await self._reader.read()
        self._writer.close()
        view = View()
        for line in (self.data + rest).split(b"\n"):
            if line.startswith(b"data:"):
                view.see(json.loads(line[5:]))
        return view


class CutOff:
    """A reader who was cut off in mid-answer, and when."""

    def __init__(self, sent: dict[str, dict[str, str]], view: View, at: float) -> None:
        self.sent, self.view, self.at = sent, view, at


@pytest.fixture(scope="module", autouse=True)
def cut_off(shared: Cluster) -> CutOff:
    """Read a long answer's beginning; the last test of this module comes back to it, half a minute later."""

    async def begin() -> CutOff:
        async with shared.opened() as (a, b, _):
            sent, view = await a.send(LONG), View()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await read_sse(b, sent["run"]["id"], view)
            return CutOff(sent, view, time.monotonic())

    return asyncio.run(begin())


async def test_from_random_places_over_sockets_and_server_sent_events(shared: Cluster) -> None:
    """Everybody has the bytes that a direct reader of the model would have."""
    chance = random.Random(20261124)
    async with shared.opened() as replicas:
        a, b, c = replicas
        sent, first = await a.send("markdown-20"), View()
        run_id = sent["run"]["id"]
        reading = asyncio.create_task(read_sse(a, run_id, first))
        views, tasks = [first], [reading]
        while not reading.done():
            await asyncio.sleep(chance.random() / 10)
            after, text = chance.choice(first.places)
            view = View(text, after)
            views.append(view)
            tasks.append(asyncio.create_task(chance.choice(READ)(chance.choice((a, b, b, c, c)), run_id, view)))
        await asyncio.gather(*tasks)
        assert len(views) > 20
        expected = said("markdown-20")
        assert text_of(await c.message(sent)) == expected
        for view in views:
            assert view.text == expected
            assert view.finished is not None
            assert (view.finished["state"], view.after) == ("completed", first.after)
        exact = [view for view in views if not view.snapshots]
        log.info("%d of %d readers had no snapshot", len(exact), len(views))
        for view in exact:
            assert set(view.places) <= set(first.places)


async def test_who_changes_the_replica_every_second_misses_nothing(shared: Cluster) -> None:
    async with shared.opened() as replicas:
        sent = await replicas[0].send("counter-240-20")
        views = [View() for _ in range(6)]

        async def wander(view: View, first: int) -> None:
            read = READ[first % 2]
            for replica in itertools.islice(itertools.cycle(replicas), first, None):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await read(replica, sent["run"]["id"], view)
                if view.finished:
                    return

        await asyncio.gather(*(wander(view, first) for first, view in enumerate(views)))
        assert [view.text for view in views] == [counted(240)] * 6
        assert {view.finished["state"] for view in views if view.finished} == {"completed"}


async def test_after_the_end_the_same_bytes_and_beyond_it_only_the_end(shared: Cluster) -> None:
    async with shared.opened() as replicas:
        sent, first = await replicas[1].send("counter-200-20"), View()
        run_id = sent["run"]["id"]
        await read_sse(replicas[1], run_id, first)
        await within(1, lambda: _exact(replicas[0], run_id))  # the last tick is on its way to the others
        for replica, read in itertools.product(replicas, READ):
            for after, text in (first.places[0], first.places[50], first.places[-2]):
                view = View(text, after)
                await read(replica, run_id, view)
                assert (view.text, view.finished, view.snapshots) == (counted(200), first.finished, [])
            async with replica.http.stream("GET", f"/runs/{run_id}/events?after={first.after + 1000}") as answer:
                events = [line async for line in answer.aiter_lines() if line.startswith("data:")]
            assert len(events) == 1
            assert '"run_finished"' in events[0]


async def _exact(replica: Replica, run_id: str) -> bool:
    view = View()
    await read_sse(replica, run_id, view)
    return not view.snapshots


async def test_a_chat_that_is_followed_streams_on_all_replicas(shared: Cluster) -> None:
    """Other tabs, on other replicas, hear of changes at once, and follow runs that begin later."""
    async with shared.opened() as replicas, contextlib.AsyncExitStack() as stack:
        a, b, c = replicas
        sockets = [await stack.enter_async_context(each.socket()) for each in replicas]
        chat = (await a.json("POST", "/chats", {}))["id"]
        for socket in sockets:
            await socket.ask("subscribe", chat_id=chat)
        begun = time.monotonic()
        await b.json("PATCH", f"/chats/{chat}", {"title": "renamed"})
        sent = await c.json("POST", f"/chats/{chat}/messages", {"text": "Count.", "model": "counter-5-1"})
        for socket in sockets:
            frames = await socket.until("event")
            changes = [frame for frame in frames if frame["type"] == "chat_changed" and frame["chat_id"] == chat]
            assert [frame["change"] for frame in changes][-2:] == ["updated", "message"]
            assert changes[-1]["run_id"] == sent["run"]["id"]
            view = View()
            view.see(frames[-1])
            while view.finished is None:
                frame = await socket.frame()
                if frame["type"] == "event":
                    view.see(frame)
            assert view.text == counted(5)
        assert time.monotonic() - begun < 1
        await a.json("DELETE", f"/chats/{chat}")
        for socket in sockets:
            while (await socket.until("chat_changed"))[-1]["change"] != "deleted":
                pass


@pytest.mark.slow
async def test_a_slow_reader_costs_the_others_nothing_and_catches_up(shared: Cluster) -> None:
    """At 1 kB/s from a long fast answer, on the owner's replica and on another one."""
    async with shared.opened() as (a, b, _):
        quiet = await _delays(b, await a.send("counter-200-20"))
        before = [each.server.memory() for each in (a, b)]
        sent = await a.send("code-2000")
        slow = [await SlowReader.open(each, sent["run"]["id"]) for each in (a, b)]
        busy = await _delays(b, await a.send("counter-200-20"))
        grown = [each.server.memory() - old for each, old in zip((a, b), before, strict=True)]
        figures = (1000 * busy, 1000 * quiet, grown[0] / MB, grown[1] / MB)
        log.info("p95 %.0f ms beside slow readers, %.0f ms without; memory +%.1f and +%.1f MB", *figures)
        assert busy < quiet + 0.2
        assert max(grown) < 32 * MB
        for reader in slow:
            assert len(reader.data) < 20_000
            assert (await reader.rest()).text == said("code-2000")


async def _delays(replica: Replica, sent: dict[str, dict[str, str]]) -> float:
    """The 95th percentile of how much later than its pace a number comes, in seconds."""
    view, moments = View(), []
    async with replica.http.stream("GET", f"/runs/{sent['run']['id']}/events") as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                view.see(json.loads(line[5:]))
                if view.text:
                    moments.append(time.monotonic() - int(view.text.split()[-1]) * 0.02)
    assert view.text == counted(200)
    return sorted(moments)[int(len(moments) * 0.95)] - min(moments)


@pytest.mark.slow
async def test_cut_off_for_half_a_minute_a_reader_has_the_rest_on_any_replica(shared: Cluster, cut_off: CutOff) -> None:
    """The log that replicas share is trimmed by then: a snapshot."""
    async with shared.opened() as replicas:
        await asyncio.sleep(max(cut_off.at + CUT_S - time.monotonic(), 0))
        views = [View(cut_off.view.text, cut_off.view.after) for _ in range(6)]
        await asyncio.gather(*(
            read(replica, cut_off.sent["run"]["id"], view)
            for (replica, read), view in zip(itertools.product(replicas, READ), views, strict=True)
        ))  # fmt: skip
        assert [view.text for view in views] == [counted(LAST)] * 6
        assert [len(view.snapshots) for view in views[2:]] == [1] * 4
