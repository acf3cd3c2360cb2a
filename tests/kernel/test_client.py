"""The client of a server: streams that are cut go on where they were, and what is no answer of ours is no crash."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from jupyter_aichat.domain.event import TextDelta
from jupyter_aichat.errors import NotFound, StoreUnavailable
from jupyter_aichat.kernel.api import Api
from jupyter_aichat.kernel.client import ServerClient
from jupyter_aichat.kernel.service import ServiceGone

Handler = Callable[[str, dict[str, str]], list[bytes]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def event(seq: int, kind: str, **fields: Any) -> bytes:
    data = {"run_id": "r", "chat_id": "c", "seq": seq, "event": {"type": kind, **fields}}
    return f"id: {seq}\ndata: {json.dumps(data)}\n\n".encode()


def refusal(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, len(body), body)


class Played:
    """A server that the test plays: one answer a connection, cut after its last piece."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.answers: list[list[bytes]] = []
        self.places: list[str] = []
        self.paths: list[str] = []

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/api/aichat/v1"

    async def start_at(self, path: Path) -> None:
        self._server = await asyncio.start_unix_server(self._serve, path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        self.paths.append(head.split(" ")[1])
        self.places.append(lines.get("Last-Event-ID", ""))
        for piece in self.answers.pop(0) if self.answers else []:
            writer.write(piece)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()


@pytest.fixture
def played(jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Played]:
    played = Played(jp_asyncio_loop)
    yield played
    jp_asyncio_loop.run_until_complete(played.stop())


async def test_a_stream_that_is_cut_goes_on_where_it_was(played: Played) -> None:
    one, two, three = (
        event(5, "text_delta", text="a"),
        event(6, "text_delta", text="b"),
        event(7, "text_delta", text="c"),
    )
    end = event(8, "run_finished", state="completed")
    played.answers = [[OK, one, two[:20]], [OK + two], [], [refusal(503, b"{}")], [OK, b":\n\n", three + end]]
    client = ServerClient(await played.start(), "token")
    found = [frame async for frame in client.events("r", 4)]
    assert [frame.seq for frame in found] == [5, 6, 7, 8]
    assert "".join(f.event.text for f in found if isinstance(f.event, TextDelta)) == "abc"
    assert played.places == ["4", "5", "6", "6", "6"]
    await client.close()


async def test_an_event_of_a_later_version_is_passed_over(played: Played) -> None:
    played.answers = [[OK, event(1, "telepathy", strength=3), event(2, "run_finished", state="completed")]]
    client = ServerClient(await played.start(), "token")
    assert [frame.seq async for frame in client.events("r", 0)] == [2]
    await client.close()


async def test_a_server_that_was_started_anew_ends_the_stream(played: Played) -> None:
    played.answers = [[OK, event(1, "run_started")], [refusal(403, b"{}")]]
    client = ServerClient(await played.start(), "token")
    with pytest.raises(ServiceGone, match="does not let this kernel in"):
        _ = [frame async for frame in client.events("r", 0)]
    await client.close()


async def test_a_server_behind_a_socket_file(played: Played, tmp_path: Path) -> None:
    played.answers = [[OK, event(1, "run_finished", state="completed")]]
    await played.start_at(tmp_path / "socket")
    client = ServerClient(f"http+unix://{quote(str(tmp_path / 'socket'), safe='')}/base/api/aichat/v1", "token")
    assert [frame.seq async for frame in client.events("r", 0)] == [1]
    assert played.paths == ["/base/api/aichat/v1/runs/r/events"]
    await client.close()


async def test_a_run_that_is_not_there(played: Played) -> None:
    body = b'{"code": "not_found", "message": "There is no such run.", "details": {}, "reason": null}'
    played.answers = [[refusal(404, body)]]
    client = ServerClient(await played.start(), "token")
    with pytest.raises(NotFound, match="no such run"):
        await anext(client.events("r", 0))
    await client.close()


async def test_a_server_that_stays_away_is_told_after_a_while(played: Played) -> None:
    client = ServerClient(await played.start(), "token", patience_s=0.3)
    with pytest.raises(ServiceGone, match="does not answer"):
        await anext(client.events("r", 0))
    assert len(played.places) > 1
    await client.close()


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            refusal(503, b'{"code": "store_unavailable", "message": "m", "details": {}, "reason": null}'),
            StoreUnavailable,
            "m",
        ),
        (refusal(502, b"<html>a proxy</html>"), Exception, "HTTP 502"),
        (refusal(403, b"{}"), ServiceGone, "does not let this kernel in"),
        (b"", ServiceGone, "does not answer"),
        (b"rubbish\r\n\r\n", ServiceGone, "does not answer"),
    ],
)
async def test_what_a_server_refuses(played: Played, answer: bytes, kind: type[Exception], said: str) -> None:
    played.answers = [[answer]]
    client = ServerClient(await played.start(), "token")
    with pytest.raises(kind, match=said):
        await Api(client).chat("c")
    await client.close()


@pytest.mark.parametrize(
    "answer", [b"", refusal(403, b"{}"), refusal(404, b""), refusal(200, b"<html>another server</html>")]
)
async def test_a_probe_finds_ours_alone(played: Played, answer: bytes) -> None:
    played.answers = [[answer]]
    client = ServerClient(await played.start(), "token")
    assert not await client.probe()
    await client.close()
