"""The engine's life inside a kernel."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

from msgspec import UNSET

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.event import decode_event
from jupyter_aichat.domain.ids import OwnerId, RunId
from jupyter_aichat.domain.principal import Principal
from jupyter_aichat.domain.readiness import Readiness
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.kernel.calls import Call
from jupyter_aichat.kernel.inprocess.config import read_configuration
from jupyter_aichat.kernel.inprocess.requests import Requests
from jupyter_aichat.kernel.service import Answered, News
from jupyter_aichat.protocol.frames import PROTOCOL, ChatChangedFrame, EventFrame, HelloFrame, ServiceFrame
from jupyter_aichat.wiring import build

GRACE_S = 2.0
CLOSE_S = 5.0


class InProcess:
    """A `Service` that is an engine on the loop that started it."""

    place = "this kernel (no chat server runs above it)"

    def __init__(self, engine: Engine, owner: str) -> None:
        self._engine, self._owner = engine, OwnerId(owner)
        self._principal = Principal(self._owner, owner, owner)
        self._requests = Requests(engine, self._principal)

    @classmethod
    async def start(cls) -> InProcess:
        """Start an engine as the configuration says, and stop it before the process ends."""
        settings, owner = await asyncio.to_thread(read_configuration)
        engine = build(settings)
        await engine.start()
        service = cls(engine, owner)
        _before_threads_end(service.close, asyncio.get_running_loop())
        return service

    async def request(self, call: Call, body: bytes | None = None) -> Answered:
        """Carry out a request."""
        return await self._requests.carry_out(call, body)

    async def events(self, run_id: str, after: int) -> AsyncGenerator[EventFrame, None]:
        """Yield a run's events to its end."""
        more = asyncio.Event()
        run = await self._engine.runs.get(self._owner, RunId(run_id))
        reader = await self._engine.runs.read(self._owner, run.id, after, more.set)
        try:
            while not reader.finished:
                await more.wait()
                more.clear()
                while events := reader.take():
                    for event in events:
                        yield EventFrame(run.id, run.chat_id, event.seq, decode_event(event.data))
        finally:
            reader.close()

    async def news(self) -> AsyncGenerator[News, None]:
        """Yield what changes in this process; other processes on the file are seen when their chats are opened."""
        frames: asyncio.Queue[News] = asyncio.Queue()

        def on_change(change: Change) -> None:
            frames.put_nowait(_frame_of(change))

        def on_service(readiness: Readiness) -> None:
            frames.put_nowait(ServiceFrame(readiness.status, readiness.parts))

        forget = (self._engine.watch(self._owner, on_change), self._engine.watch_service(on_service))
        try:
            yield HelloFrame(PROTOCOL, self._principal)
            while True:
                yield await frames.get()
        finally:
            for unwatch in forget:
                unwatch()

    async def close(self) -> None:
        """Stop the engine; may be called twice."""
        await self._engine.stop(GRACE_S)


def _frame_of(change: Change) -> ChatChangedFrame:
    return ChatChangedFrame(
        chat_id=change.chat_id,
        change=change.change,
        message_id=change.message_id or UNSET,
        run_id=change.run_id or UNSET,
    )


def _before_threads_end(close: Callable[[], object], loop: asyncio.AbstractEventLoop) -> None:
    """Close when the process ends, while threads can still be used: `atexit` comes after the executors have shut."""

    def stop() -> None:
        with suppress(Exception):  # a process that ends has nobody to tell
            asyncio.run_coroutine_threadsafe(close(), loop).result(CLOSE_S)  # type: ignore[arg-type]

    register: Callable[[Callable[[], None]], None] = threading._register_atexit  # type: ignore[attr-defined]  # noqa: SLF001
    register(stop)
