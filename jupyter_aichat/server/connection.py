"""The socket's protocol, without the socket: client frames in, server frames into an outbox.

Frames are carried out one after another, in the order in which they came, so that an ack precedes the events that it
announces; only a stop goes past the others. What was begun for a client that has gone is finished all the same: an
answer belongs to the service.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, assert_never

from msgspec import UNSET

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.ids import ChatId, RunId
from jupyter_aichat.domain.principal import Principal
from jupyter_aichat.domain.readiness import Readiness
from jupyter_aichat.engine.requests import Sent
from jupyter_aichat.errors import AIChatError, InvalidRequest
from jupyter_aichat.protocol.codec import decode_frame, encode, frame_id
from jupyter_aichat.protocol.errors import frame_of
from jupyter_aichat.protocol.frames import (
    PROTOCOL,
    AckFrame,
    ChatChangedFrame,
    ClientFrame,
    ContinueFrame,
    EditFrame,
    ErrorFrame,
    FrameId,
    HelloFrame,
    PingFrame,
    PongFrame,
    RegenerateFrame,
    RunState,
    SendFrame,
    ServerFrame,
    ServiceFrame,
    StopFrame,
    SubscribeFrame,
    UnsubscribeFrame,
)
from jupyter_aichat.server.outbox import Outbox
from jupyter_aichat.server.permits import Permits
from jupyter_aichat.server.pings import FRAMES_PER_S, INVALID_PER_S, Pings
from jupyter_aichat.server.requests import to_again, to_edit, to_send
from jupyter_aichat.server.subscriptions import FROM_FIRST, Subscriptions

if TYPE_CHECKING:
    from jupyter_aichat.engine.engine import Engine
    from jupyter_aichat.tracing.tracing import Tracing

Frame = SendFrame | EditFrame | RegenerateFrame | ContinueFrame | SubscribeFrame | UnsubscribeFrame | StopFrame

MAX_UNDER_WAY = 64
"""How many frames of one client may be under way; the next is not read before one is done."""


class Connection:
    """One client of one owner."""

    def __init__(
        self,
        engine: Engine,
        principal: Principal,
        outbox: Outbox,
        log: logging.Logger,
        permits: Permits | None = None,
        *,
        tracing: Tracing | None = None,
    ) -> None:
        self._engine, self._principal, self._outbox, self._log = engine, principal, outbox, log
        self._permits, self._tracing = permits or Permits(), tracing
        self._owner = principal.owner_id
        self._subscriptions = Subscriptions(engine, self._owner, outbox)
        self._order = asyncio.Lock()
        self._pings, self._invalid = Pings(FRAMES_PER_S), Pings(INVALID_PER_S)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unwatch: list[Callable[[], None]] = []

    def open(self) -> None:
        """Say hello, and tell from now on what changes."""
        self._post(HelloFrame(PROTOCOL, self._principal))
        self._unwatch = [
            self._engine.watch(self._owner, self._on_change),
            self._engine.watch_service(self._on_service),
        ]

    def close(self) -> None:
        """Tell nothing any more; frames under way are carried out."""
        for unwatch in self._unwatch:
            unwatch()
        self._unwatch.clear()
        self._outbox.close()

    def revoke(self) -> None:
        """Close for somebody whose credential has ended: frames that wait for their turn are not carried out."""
        self._permits.end()
        self.close()

    async def follow_chat(self, chat_id: ChatId) -> None:
        """Send a snapshot of each run under way in a chat, and all that comes; raises `NotFound`."""
        async with self._order:
            for run in await self._subscriptions.follow_chat(chat_id):
                await self._subscriptions.follow_run(run.id, chat_id, None)

    async def receive(self, line: bytes) -> None:
        """Take one frame; returns when there is room for the next, not when it has been carried out."""
        try:
            frame = decode_frame(line)
        except InvalidRequest as error:
            self._post(frame_of(error, frame_id(line)))
            await self._invalid.turn()
        else:
            await self._begin(frame)
        await self._outbox.room()

    async def _begin(self, frame: ClientFrame) -> None:
        if isinstance(frame, PingFrame):
            self._post(PongFrame())
            self._ack(AckFrame(id=frame.id))
            await self._pings.turn()
            return
        while len(self._tasks) >= MAX_UNDER_WAY:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        work = self._permitted(frame) if isinstance(frame, StopFrame) else self._in_order(self._permitted(frame))
        self._spawn(self._answer(work, frame.id))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name="aichat-frame")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_order(self, work: Coroutine[None, None, None]) -> None:
        async with self._order:
            await work

    async def _answer(self, work: Awaitable[None], frame_id: FrameId) -> None:
        try:
            await work
        except AIChatError as error:
            self._post(frame_of(error, frame_id))
        except Exception:  # noqa: BLE001 (the top of a frame's task: the client is told, the socket stays)
            self._log.exception("A frame could not be carried out")
            self._post(ErrorFrame(id=frame_id, code="internal", message="Something went wrong here.", details={}))

    async def _permitted(self, frame: Frame) -> None:
        with nullcontext() if self._tracing is None else self._tracing.frame(str(type(frame).__struct_config__.tag)):
            await self._carry_out(frame)

    async def _carry_out(self, frame: Frame) -> None:
        await self._permits.check(frame)
        match frame:
            case StopFrame():
                await self._stop(frame)
            case SubscribeFrame():
                await self._subscribe(frame)
            case UnsubscribeFrame():
                self._unsubscribe(frame)
            case _:
                await self._send(frame)

    async def _send(self, frame: SendFrame | EditFrame | RegenerateFrame | ContinueFrame) -> None:
        """Acknowledge a send, then send what its run does after the state that the ack told."""
        sent = await self._sent(frame)
        run, reply = sent.run, sent.reply
        self._ack(AckFrame(id=frame.id, chat_id=run.chat_id, message=sent.message, reply=reply, run=run))
        await self._follow(run.id, run.chat_id, reply.seq)

    async def _sent(self, frame: SendFrame | EditFrame | RegenerateFrame | ContinueFrame) -> Sent:
        runs, owner, allowed, key = self._engine.runs, self._owner, self._permits.models, frame.idempotency_key
        match frame:
            case SendFrame():
                return await runs.send(owner, to_send(frame, frame.chat_id, key), allowed)
            case EditFrame():
                return await runs.edit(owner, to_edit(frame, frame.chat_id, frame.message_id, key), allowed)
            case RegenerateFrame():
                return await runs.regenerate(owner, to_again(frame, frame.chat_id, frame.message_id, key), allowed)
            case ContinueFrame():
                return await runs.resume(owner, to_again(frame, frame.chat_id, frame.message_id, key), allowed)
            case _:
                assert_never(frame)

    async def _follow(self, run_id: RunId, chat_id: ChatId, after: int | None) -> None:
        """Follow a run whose ack has left already, so that a failure is an error of its own."""
        try:
            await self._subscriptions.follow_run(run_id, chat_id, after)
        except AIChatError as error:
            self._post(frame_of(error, None))

    async def _subscribe(self, frame: SubscribeFrame) -> None:
        if isinstance(frame.run_id, str) and frame.chat_id is UNSET:
            run = await self._engine.runs.get(self._owner, RunId(frame.run_id))
            after = FROM_FIRST if frame.after is UNSET else frame.after
            await self._subscriptions.follow_run(run.id, run.chat_id, after)
            self._ack(AckFrame(id=frame.id))
        elif isinstance(frame.chat_id, str) and frame.run_id is UNSET and frame.after is UNSET:
            chat_id = ChatId(frame.chat_id)
            runs = await self._subscriptions.follow_chat(chat_id)
            self._ack(AckFrame(id=frame.id, runs=tuple(RunState(run.id, run.state, run.seq) for run in runs)))
            for run in runs:
                await self._follow(run.id, chat_id, None)
        else:
            raise InvalidRequest("Subscribe to either a run_id (with after) or a chat_id.")

    def _unsubscribe(self, frame: UnsubscribeFrame) -> None:
        if isinstance(frame.run_id, str) and frame.chat_id is UNSET:
            self._subscriptions.leave_run(RunId(frame.run_id))
        elif isinstance(frame.chat_id, str) and frame.run_id is UNSET:
            self._subscriptions.leave_chat(ChatId(frame.chat_id))
        else:
            raise InvalidRequest("Unsubscribe from either a run_id or a chat_id.")
        self._ack(AckFrame(id=frame.id))

    async def _stop(self, frame: StopFrame) -> None:
        run = await self._engine.runs.stop(self._owner, RunId(frame.run_id))
        self._ack(AckFrame(id=frame.id, run=run))

    def _on_change(self, change: Change) -> None:
        self._outbox.post_later(_frame_of(change))
        if run_id := self._subscriptions.wants(change):
            self._spawn(self._answer(self._in_order(self._follow_later(run_id, change)), None))

    async def _follow_later(self, run_id: RunId, change: Change) -> None:
        """Follow a run that began elsewhere, unless a frame before this has begun it or let the chat go."""
        if self._subscriptions.wants(change):
            await self._follow(run_id, change.chat_id, FROM_FIRST)

    def _on_service(self, readiness: Readiness) -> None:
        self._post(ServiceFrame(readiness.status, readiness.parts))

    def _ack(self, frame: AckFrame) -> None:
        if frame.id is not None:
            self._post(frame)

    def _post(self, frame: ServerFrame) -> None:
        self._outbox.post(encode(frame))


@lru_cache(maxsize=8)
def _frame_of(change: Change) -> bytes:
    """The frame of a change, which goes to all sockets of its owner."""
    return encode(
        ChatChangedFrame(
            chat_id=change.chat_id,
            change=change.change,
            message_id=change.message_id or UNSET,
            run_id=change.run_id or UNSET,
        )
    )
