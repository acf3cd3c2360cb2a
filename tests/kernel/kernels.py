"""Real kernels, driven as a front end drives them: under a Jupyter server over its WebSocket, or on their own over ZMQ."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any, Protocol
from urllib.parse import urlsplit

import websocket
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.server.process import TOKEN, Server

Json = dict[str, Any]
PATIENCE_S = 40.0


class Wire(Protocol):
    """Carries messages to a kernel and back."""

    def send(self, message: Json) -> None: ...

    def receive(self) -> Iterator[Json]:
        """Yield messages until the wire is cut."""
        ...

    def interrupt(self) -> None: ...


@dataclass
class Executed:
    """What running a cell has shown."""

    msg_id: str
    messages: list[Json] = field(default_factory=list)

    @property
    def status(self) -> str:
        (reply,) = [m for m in self.messages if m["msg_type"] == "execute_reply"]
        return str(reply["content"]["status"])

    def contents(self, msg_type: str) -> list[Json]:
        return [message["content"] for message in self.messages if message["msg_type"] == msg_type]

    @property
    def versions(self) -> list[str]:
        """The Markdown of the cell's one output, as it was shown one after another."""
        shown = (m["content"] for m in self.messages if m["msg_type"] in ("display_data", "update_display_data"))
        return [content["data"]["text/markdown"] for content in shown if "text/markdown" in content["data"]]

    @property
    def markdown(self) -> str:
        """What stands there in the end."""
        return self.versions[-1]

    @property
    def answer(self) -> str:
        """The answer without the quiet line."""
        return self.markdown.partition("\n\n<small>")[0]

    @property
    def printed(self) -> str:
        return "".join(content["text"] for content in self.contents("stream"))

    @property
    def errors(self) -> list[str]:
        """The lines of the cell's errors, without colours."""
        lines = [line for content in self.contents("error") for line in content["traceback"]]
        return [line.replace("\x1b[31m", "").replace("\x1b[2m", "").replace("\x1b[0m", "") for line in lines]


class Kernel:
    """A kernel and what it has said so far."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._session = uuid.uuid4().hex
        self._news = threading.Condition()
        self.messages: list[Json] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for message in self._wire.receive():
            with self._news:
                self.messages.append(message)
                self._news.notify_all()

    def wait(self, found: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
        """Return what `found` returns as soon as that is true; it is asked again at every message."""
        until = time.monotonic() + patience_s
        with self._news:
            while not (result := found()):
                assert self._news.wait(until - time.monotonic()), f"not said: {_kinds(self.messages[-20:])}"
        return result

    def send(
        self, msg_type: str, content: Json, channel: str = "shell", metadata: Json | None = None, **header: Any
    ) -> str:
        msg_id = uuid.uuid4().hex
        head = {"msg_id": msg_id, "msg_type": msg_type, "session": self._session, "username": "", "version": "5.4"}
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        message = {"header": {**head, "date": date, **header}, "parent_header": {}, "metadata": metadata or {}}
        self._wire.send({**message, "content": content, "channel": channel, "buffers": []})
        return msg_id

    def answers(self, msg_id: str) -> list[Json]:
        return [m for m in self.messages if m["parent_header"].get("msg_id") == msg_id]

    def begin(self, code: str, cell_id: str | None = None) -> str:
        """Run a cell and do not wait."""
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        return self.send("execute_request", content, metadata={"cellId": cell_id} if cell_id else {})

    def end(self, msg_id: str, patience_s: float = PATIENCE_S) -> Executed:
        """Wait for the end of a cell."""

        def ended() -> list[Json] | None:
            answers = self.answers(msg_id)
            kinds = [m["msg_type"] for m in answers]
            idle = any(m["msg_type"] == "status" and m["content"]["execution_state"] == "idle" for m in answers)
            return answers if idle and "execute_reply" in kinds else None

        return Executed(msg_id, self.wait(ended, patience_s))

    def run(self, code: str, cell_id: str | None = None, patience_s: float = PATIENCE_S) -> Executed:
        """Run a cell to its end."""
        return self.end(self.begin(code, cell_id), patience_s)

    def shown(self, msg_id: str) -> str:
        """What a running cell shows now."""
        return (Executed(msg_id, self.answers(msg_id)).versions or [""])[-1]

    def value(self, expression: str) -> Any:
        """Return the value of an expression, by way of JSON."""
        done = self.run(f"import json as _json; print(_json.dumps({expression}))")
        assert done.status == "ok", done.errors
        return json.loads(done.printed)

    def interrupt(self) -> None:
        self._wire.interrupt()

    def subshell(self) -> str:
        """Return a new subshell's id."""
        msg_id = self.send("create_subshell_request", {}, channel="control")
        (reply,) = self.wait(lambda: [m for m in self.answers(msg_id) if m["msg_type"] == "create_subshell_reply"])
        return str(reply["content"]["subshell_id"])


class _SocketWire:
    def __init__(self, server: Server, kernel_id: str, token: str) -> None:
        self._server, self._id = server, kernel_id
        parts = urlsplit(server.url)
        url = f"ws://{parts.netloc}{parts.path}api/kernels/{kernel_id}/channels?session_id={uuid.uuid4().hex}"
        self._socket = websocket.create_connection(url, header=[f"Authorization: token {token}"], timeout=PATIENCE_S)

    def send(self, message: Json) -> None:
        self._socket.send(json.dumps(message))

    def receive(self) -> Iterator[Json]:
        with suppress(websocket.WebSocketException, OSError):
            while text := self._socket.recv():
                yield json.loads(text)

    def interrupt(self) -> None:
        url = f"{self._server.url}api/kernels/{self._id}/interrupt"
        self._server.http.post(url).raise_for_status()

    def close(self) -> None:
        self._socket.close()


@contextmanager
def served_kernel(server: Server, token: str = TOKEN) -> Iterator[Kernel]:
    """A kernel under a server, with the extension loaded."""
    url = f"{server.url}api/kernels"
    kernel_id = server.http.post(url, json={"name": "python3"}).raise_for_status().json()["id"]
    wire = _SocketWire(server, kernel_id, token)
    try:
        yield _loaded(Kernel(wire))
    finally:
        wire.close()
        with suppress(Exception):  # the test may have ended the server
            server.http.delete(f"{url}/{kernel_id}")


class _ZmqWire:
    def __init__(self, client: BlockingKernelClient, manager: KernelManager) -> None:
        self._client, self._manager = client, manager
        self._lock = threading.Lock()  # a ZMQ socket is one thread's at a time
        self._open = True

    def send(self, message: Json) -> None:
        channel = getattr(self._client, f"{message.pop('channel')}_channel")
        message["msg_id"], message["msg_type"] = (message["header"][name] for name in ("msg_id", "msg_type"))
        message.pop("buffers")
        with self._lock:
            channel.send(message)

    def receive(self) -> Iterator[Json]:
        while self._open:
            for channel in (self._client.iopub_channel, self._client.shell_channel, self._client.control_channel):
                if (message := self._next(channel)) is not None:
                    yield message
            time.sleep(0.005)

    def _next(self, channel: Any) -> Json | None:
        with self._lock, suppress(Empty):
            return channel.get_msg(timeout=0) if self._open else None
        return None

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def close(self) -> None:
        with self._lock:
            self._open = False


@contextmanager
def lone_kernel(directory: Path, **environment: str) -> Iterator[tuple[Kernel, KernelManager]]:
    """A kernel without a server; its store is `chats.sqlite3` in the directory."""
    manager = KernelManager(kernel_name="python3", connection_file=str(directory / f"kernel-{uuid.uuid4().hex}.json"))
    manager.start_kernel(env=_environment(directory) | environment, cwd=str(directory))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(PATIENCE_S)
    wire = _ZmqWire(client, manager)
    try:
        yield _loaded(Kernel(wire)), manager
    finally:
        wire.close()
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _environment(directory: Path) -> dict[str, str]:
    folders = {f"JUPYTER_{kind}_DIR": str(directory / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER_AICHAT", "AICHAT"))}
    return {
        **ours,
        **folders,
        "AICHAT_STORE_URL": str(directory / "chats.sqlite3"),
        "OLLAMA_HOST": "http://127.0.0.1:9",
    }


def _kinds(messages: list[Json]) -> list[str]:
    return [f"{m['msg_type']} {m['content'].get('data', m['content'])!s:.200}" for m in messages]


def _loaded(kernel: Kernel) -> Kernel:
    done = kernel.run("%load_ext jupyter_aichat")
    assert done.status == "ok", done.errors
    return kernel
