"""Servers that speak as Ollama does: a small one whose answers each test writes, and the recorded exchanges."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

TRANSCRIPTS = Path(__file__).parent.parent / "ollama" / "transcripts.jsonl"
NDJSON = "application/x-ndjson"
JSON = "application/json; charset=utf-8"


def transcripts() -> dict[str, dict[str, Any]]:
    """Return the recorded exchanges by name."""
    rows = [json.loads(line) for line in TRANSCRIPTS.read_text().splitlines()]
    return {row["name"]: row for row in rows}


def stream_of(name: str) -> bytes:
    """Return the bytes of a recorded answer."""
    return "".join(text for _, text in transcripts()[name]["chunks"]).encode()


def line(content: str = "", **more: Any) -> bytes:
    """Return a line of a chat's stream."""
    message = {"role": "assistant", "content": content, **more.pop("message", {})}
    body = {"model": "m", "created_at": "2026-11-22T15:19:06Z", "message": message, "done": False, **more}
    return json.dumps(body, ensure_ascii=False).encode() + b"\n"


DONE = line(done=True, done_reason="stop", prompt_eval_count=6, eval_count=2, eval_duration=1_000_000)


class Exchange:
    """One request and its answer in the making."""

    def __init__(self, method: str, path: str, headers: dict[str, str], raw: bytes, writer: asyncio.StreamWriter):
        self.method, self.path, self.headers, self.raw = method, path, headers, raw
        self.arrived_at = time.monotonic()
        self.hung_up = asyncio.Event()
        self.hung_up_at = 0.0
        self._writer = writer

    @property
    def body(self) -> Any:
        """The request's JSON."""
        return json.loads(self.raw)

    async def begin(self, status: int = 200, kind: str = NDJSON, headers: str = "") -> None:
        """Send the head of a chunked answer."""
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
        await self.raw_bytes(head.encode())

    async def send(self, *pieces: bytes) -> None:
        """Send pieces, each an HTTP chunk and a write of its own."""
        for piece in pieces:
            await self.raw_bytes(b"%x\r\n%s\r\n" % (len(piece), piece))

    async def raw_bytes(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def end(self) -> None:
        await self.raw_bytes(b"0\r\n\r\n")

    async def answer(self, status: int, body: bytes, kind: str = JSON, headers: str = "") -> None:
        """Send a whole answer."""
        length = f"Content-Length: {len(body)}\r\n"
        await self.raw_bytes(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{length}{headers}\r\n".encode() + body)

    def cut(self) -> None:
        """Close the connection in the middle of whatever it is."""
        self._writer.close()

    async def hang(self) -> None:
        """Wait, silently, until the client has hung up."""
        await self.hung_up.wait()


Handler = Callable[[Exchange], Awaitable[None]]


class FakeServer:
    """Serves one handler per path and remembers the exchanges."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._handlers = handlers
        self._tasks: set[asyncio.Task[Any]] = set()
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self.url = ""

    def to(self, path: str) -> list[Exchange]:
        """Return the exchanges with a path."""
        return [exchange for exchange in self.exchanges if exchange.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            await self._connection(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # a cancelled task would make Python 3.11's streams log an error
        finally:
            writer.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun = b""
        while True:
            head = (begun + await reader.readuntil(b"\r\n\r\n")).decode()
            first, *rest = head.strip().split("\r\n")
            method, path, _ = first.split(" ")
            headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in rest)}
            raw = await reader.readexactly(int(headers.get("content-length", "0")))
            exchange = Exchange(method, path, headers, raw, writer)
            self.exchanges.append(exchange)
            begun = await self._answer(exchange, reader)

    async def _answer(self, exchange: Exchange, reader: asyncio.StreamReader) -> bytes:
        """Run the handler and watch for the client's hanging up; return what it sent meanwhile."""
        watch = asyncio.create_task(self._watch(exchange, reader))
        self._tasks.add(watch)
        watch.add_done_callback(self._tasks.discard)
        await self._handlers.get(exchange.path, _unknown)(exchange)
        return await watch

    async def _watch(self, exchange: Exchange, reader: asyncio.StreamReader) -> bytes:
        with contextlib.suppress(ConnectionError):
            if next_request := await reader.read(1):
                return next_request
        exchange.hung_up_at = time.monotonic()
        exchange.hung_up.set()
        raise ConnectionResetError

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _unknown(exchange: Exchange) -> None:
    await exchange.answer(404, b"404 page not found", "text/plain")


@contextlib.asynccontextmanager
async def fake(handlers: dict[str, Handler], port: int = 0) -> AsyncIterator[FakeServer]:
    """Serve handlers, on a free port unless one is given; `/api/show` answers as for a plain model unless given."""
    server = FakeServer({"/api/show": _plain_show, **handlers})
    listener = await asyncio.start_server(server.serve, "127.0.0.1", port, limit=2**25)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        await server.stop()


async def _plain_show(exchange: Exchange) -> None:
    await exchange.answer(200, b'{"template":"{{ .Prompt }}","capabilities":["completion"],"model_info":{}}')


def chat(handler: Handler) -> dict[str, Handler]:
    """Return handlers in which only the chat is special."""
    return {"/api/chat": handler}


def streaming(*pieces: bytes) -> dict[str, Handler]:
    """Return handlers whose chat streams these pieces and ends properly."""

    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.send(*pieces)
        await exchange.end()

    return chat(handler)


def answering(status: int, body: str, kind: str = "application/json", headers: str = "") -> dict[str, Handler]:
    """Return handlers whose chat is answered as a whole."""
    return chat(lambda exchange: exchange.answer(status, body.encode(), kind, headers))


# --- the recorded exchanges -----------------------------------------------------------------------------------------


def recorded() -> dict[str, Handler]:
    """Return handlers that answer as the real server once did. A chat that was never recorded is a 500."""
    rows = transcripts()
    shows = {"thinker": "show", "tooler": "show_tools", "counter": "show_created", "endless": "show_created"}

    async def replay(exchange: Exchange, row: dict[str, Any]) -> None:
        await exchange.begin(row["status"], row["content_type"])
        await exchange.send(*(text.encode() for _, text in row["chunks"]))
        await exchange.end()

    async def show(exchange: Exchange) -> None:
        name = exchange.body["model"].removesuffix(":latest")
        await replay(exchange, rows[shows.get(name, "show_missing")])

    async def answer_chat(exchange: Exchange) -> None:
        fitting = [row for row in rows.values() if row["path"] == "/api/chat" and _fits(row["body"], exchange.body)]
        if fitting:
            await replay(exchange, fitting[0])
        else:
            await exchange.answer(500, b'{"error":"this exchange was never recorded"}')

    async def tags(exchange: Exchange) -> None:
        await replay(exchange, rows["tags"])

    async def loaded(exchange: Exchange) -> None:
        await replay(exchange, rows["ps_loaded"])

    return {"/api/tags": tags, "/api/ps": loaded, "/api/show": show, "/api/chat": answer_chat}


def _fits(row: Any, body: Any) -> bool:
    """Whether a recorded request asks the same. `stream` and `tools` aside, which we always and never send."""
    if not isinstance(row, dict) or "model" not in row or row["model"] != body["model"].removesuffix(":latest"):
        return False
    if row.keys() & {"stream", "format", "logprobs", "keep_alive", "truncate"} or not row["messages"]:
        return False
    same_talk = [(m["role"], m["content"]) for m in row["messages"]] == [
        (m["role"], m["content"]) for m in body["messages"]
    ]
    same_options = _sampling(row) == _sampling(body)
    same_window = row.get("options", {}).get("num_ctx", 4096) == body["options"]["num_ctx"]
    same_shift = row.get("shift", False) == body["shift"] or "num_ctx" not in row.get("options", {})
    return same_talk and same_options and same_window and same_shift and row.get("think") == body.get("think")


def _sampling(body: Any) -> dict[str, Any]:
    return {name: value for name, value in body.get("options", {}).items() if name != "num_ctx"}
