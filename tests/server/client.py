"""A client as a script would write one: each answer and frame is checked against the published documents."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPResponse
from tornado.websocket import WebSocketClientConnection

from tests.server import documents

API = ("api", "aichat", "v1")
Json = dict[str, Any]
Fetch = Callable[..., Awaitable[HTTPResponse]]


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, body: Json, headers: Any) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body, self.headers = status, body, headers
        self.code: str = body.get("code", "")


class Client:
    """The routes as methods. Raises `Refused`."""

    def __init__(self, fetch: Fetch, ws_fetch: Callable[..., Awaitable[WebSocketClientConnection]]) -> None:
        self._fetch, self._ws_fetch = fetch, ws_fetch
        self._sockets: list[Socket] = []

    async def request(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **kwargs: Any
    ) -> tuple[int, Json]:
        """Send a request below our base; return status and body."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if data is None and method in ("POST", "PATCH"):
            data = b""
        try:
            answer = await self._fetch(*API, *path.strip("/").split("/"), method=method, body=data, **kwargs)
        except HTTPClientError as error:
            if error.response is None:
                raise
            found = json.loads(error.response.body)
            documents.check_answer(method, path, error.code, found)
            raise Refused(error.code, found, error.response.headers) from None
        found = json.loads(answer.body) if answer.body else {}
        documents.check_answer(method, path, answer.code, found)
        return answer.code, found

    async def get(self, path: str, **params: Any) -> Json:
        return (await self.request("GET", path, params={key: str(value) for key, value in params.items()}))[1]

    async def post(self, path: str, body: Any, **kwargs: Any) -> Json:
        return (await self.request("POST", path, body, **kwargs))[1]

    async def delete(self, path: str) -> tuple[int, Json]:
        return await self.request("DELETE", path)

    async def new_chat(self, **fields: Any) -> str:
        return str((await self.post("/chats", fields))["id"])

    async def send(self, chat_id: str, text: str = "Count.", **fields: Any) -> Json:
        return await self.post(f"/chats/{chat_id}/messages", {"text": text, **fields})

    async def wait_for_end(self, run_id: str) -> Json:
        """Read a run's events to its end and return the run."""
        await self._fetch(*API, "runs", run_id, "events")
        return await self.get(f"/runs/{run_id}")

    async def events(self, run_id: str, after: int | None = None, **kwargs: Any) -> list[Json]:
        """Return the data of a run's server-sent events."""
        params = {} if after is None else {"after": str(after)}
        answer = await self._fetch(*API, "runs", run_id, "events", params=params, **kwargs)
        return [found for found, _ in server_sent(answer.body)]

    async def socket(self, **kwargs: Any) -> Socket:
        socket = Socket(await self._ws_fetch(*API, "ws", **kwargs))
        self._sockets.append(socket)
        hello = await socket.frame()
        assert hello["type"] == "hello"
        return socket

    def close(self) -> None:
        for socket in self._sockets:
            socket.connection.close()


class Socket:
    """Frames in and out; several in one message come one by one."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection
        self.messages = 0
        self.bytes = 0
        self._frames: list[Json] = []
        self._last_id = 0

    async def frame(self) -> Json:
        """Return the next frame; raises `ConnectionError` when the socket was closed."""
        while not self._frames:
            message = await self.connection.read_message()
            if message is None:
                raise ConnectionError(self.connection.close_code)
            self.messages += 1
            self.bytes += len(message)
            self._frames = [json.loads(line) for line in message.split("\n")]  # type: ignore[arg-type]
            for found in self._frames:
                documents.check_frame(found)
        return self._frames.pop(0)

    async def until(self, kind: str) -> list[Json]:
        """Return all frames up to the first of a kind, that one last."""
        frames = [await self.frame()]
        while frames[-1]["type"] != kind:
            frames.append(await self.frame())
        return frames

    async def write(self, frame: Json | str) -> None:
        await self.connection.write_message(frame if isinstance(frame, str) else json.dumps(frame))

    async def ask(self, kind: str, **fields: Any) -> Json:
        """Send a frame and return its ack or error; what comes before is dropped."""
        self._last_id += 1
        await self.write({"type": kind, "id": self._last_id, **fields})
        while (found := await self.frame()).get("id") != self._last_id or found["type"] not in ("ack", "error"):
            pass
        return found

    async def events(self, run_id: str) -> list[Json]:
        """Return a run's event frames to its end."""
        found: list[Json] = []
        while not found or found[-1]["event"]["type"] != "run_finished":
            frame = await self.frame()
            if frame["type"] == "event" and frame["run_id"] == run_id:
                found.append(frame)
        return found


def server_sent(body: bytes) -> list[tuple[Json, str | None]]:
    """Return the data and the id of each server-sent event."""
    found = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "data" in fields:
            found.append((json.loads(fields["data"]), fields.get("id")))
    return found


def text_of(frames: list[Json]) -> str:
    """Return the text that events add up to."""
    text = ""
    for frame in frames:
        event = frame["event"]
        if event["type"] == "text_delta":
            text += event["text"]
        elif event["type"] == "snapshot":
            text = "".join(part["text"] for part in event["message"]["parts"] if part["type"] == "text")
    return text


def counted(last: int) -> str:
    """Return what the model counter-<last>-… says."""
    return "".join(f" {n}" for n in range(1, last + 1))
