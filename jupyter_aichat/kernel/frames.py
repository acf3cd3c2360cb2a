"""The wire's frames, carried out for a widget's views: what a socket does, over a service's requests and streams.

A comm has no opening and no closing of its own, so two messages are added: ``request`` and ``response`` are REST, and
``closed`` says that the service has gone and that a view has to come back, as after a socket's close.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, assert_never

import msgspec

from jupyter_aichat.domain.message import RUNNING
from jupyter_aichat.errors import AIChatError, InvalidRequest, TooLarge
from jupyter_aichat.kernel.api import Api, NewChat
from jupyter_aichat.kernel.calls import parse_call
from jupyter_aichat.kernel.feed import Feed
from jupyter_aichat.kernel.service import Answered, ServiceGone
from jupyter_aichat.kernel.session import Session
from jupyter_aichat.protocol.bodies import MAX_BODY, AgainBody, EditBody, Id, SendBody, SentReply
from jupyter_aichat.protocol.codec import decode_frame, encode
from jupyter_aichat.protocol.errors import body_of, frame_of, status_of
from jupyter_aichat.protocol.frames import (
    AckFrame,
    ClientFrame,
    ContinueFrame,
    EditFrame,
    ErrorFrame,
    FrameId,
    PingFrame,
    PongFrame,
    RegenerateFrame,
    RunState,
    SendFrame,
    StopFrame,
    SubscribeFrame,
    UnsubscribeFrame,
)

Post = Callable[[dict[str, Any]], None]
_Sending = SendFrame | EditFrame | RegenerateFrame | ContinueFrame

_KEPT_KEYS = 64


class _RequestMessage(msgspec.Struct, tag="request", forbid_unknown_fields=True):
    id: FrameId
    method: str
    path: str
    body: msgspec.Raw = msgspec.Raw()


_requests = msgspec.json.Decoder(_RequestMessage)


class Frames:
    """All views of one widget. `post` is called on the session's loop with what a view is to get."""

    def __init__(self, session: Session, post: Post, log: logging.Logger) -> None:
        self._session, self._post, self._log = session, post, log
        self._feed = Feed(session, post)
        self._order = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._beginning: dict[str, NewChat] = {}

    def receive(self, content: object) -> None:
        """Take a message of a view; from any thread, never blocks."""
        self._session.loop.call(self._take, content)

    def close(self) -> None:
        """Tell nothing any more; from any thread. What was begun is finished: an answer belongs to the service."""
        self._session.loop.call(self._feed.close)

    def _take(self, content: object) -> None:
        frame_id = content.get("id") if isinstance(content, dict) else None
        frame_id = frame_id if isinstance(frame_id, str | int) else None
        try:
            data = _encoded(content)
            if isinstance(content, dict) and content.get("type") == "request":
                self._spawn(self._request(_requests.decode(data)), frame_id)
            else:
                frame = decode_frame(data)
                self._spawn(self._carry_out(frame), frame.id)
        except AIChatError as error:
            self._tell(frame_of(error, frame_id))
        except msgspec.ValidationError as error:
            self._tell(frame_of(InvalidRequest(str(error)), frame_id))

    def _spawn(self, work: Coroutine[Any, Any, None], frame_id: FrameId) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(work, frame_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, work: Awaitable[None], frame_id: FrameId) -> None:
        try:
            await work
        except ServiceGone:
            self._feed.gone()  # nobody can be told: a view comes back, and sends again with its key
        except AIChatError as error:
            self._tell(frame_of(error, frame_id))
        except Exception:  # noqa: BLE001 (the top of a frame's task: the view is told, the widget stays)
            self._log.exception("A frame could not be carried out")
            self._tell(ErrorFrame(id=frame_id, code="internal", message="Something went wrong here.", details={}))

    async def _request(self, message: _RequestMessage) -> None:
        try:
            call = parse_call(message.method, message.path)
            body = bytes(message.body) or None
            answer = await self._session.with_api(lambda api: api.service.request(call, body))
        except ServiceGone:
            raise
        except AIChatError as error:
            answer = Answered(status_of(error), encode(body_of(error)))
        value = msgspec.json.decode(answer.body) if answer.body else None
        self._post({"type": "response", "id": message.id, "status": answer.status, "body": value})

    async def _carry_out(self, frame: ClientFrame) -> None:
        match frame:
            case PingFrame():
                await self._feed.open()
                self._tell(PongFrame())
                self._ack(AckFrame(id=frame.id))
            case StopFrame():
                run = await self._session.with_api(lambda api: api.stop(frame.run_id))
                self._ack(AckFrame(id=frame.id, run=run))
            case _:
                async with self._order:
                    await self._in_order(frame)

    async def _in_order(self, frame: _Sending | SubscribeFrame | UnsubscribeFrame) -> None:
        """Carry out what must not overtake: an ack precedes the events that it announces."""
        match frame:
            case SubscribeFrame():
                await self._subscribe(frame)
            case UnsubscribeFrame():
                self._feed.leave(_one_of(frame.run_id, frame.chat_id))
                self._ack(AckFrame(id=frame.id))
            case SendFrame() | EditFrame() | RegenerateFrame() | ContinueFrame():
                sent = await self._session.with_api(lambda api: self._send(api, frame))
                run, reply = sent.run, sent.reply
                self._ack(AckFrame(id=frame.id, chat_id=run.chat_id, message=sent.message, reply=reply, run=run))
                self._feed.follow(run.id, reply.seq)
            case _:
                assert_never(frame)

    async def _send(self, api: Api, frame: _Sending) -> SentReply:
        match frame:
            case SendFrame(chat_id=None):
                return await self._new_chat(frame.idempotency_key).send(api, _body(frame, SendBody))
            case SendFrame(chat_id=str() as chat_id):
                return await api.send(chat_id, _body(frame, SendBody))
            case EditFrame():
                return await api.again("edit", frame.chat_id, frame.message_id, _body(frame, EditBody))
            case RegenerateFrame():
                return await api.again("regenerate", frame.chat_id, frame.message_id, _body(frame, AgainBody))
            case ContinueFrame():
                return await api.again("continue", frame.chat_id, frame.message_id, _body(frame, AgainBody))
            case _:
                raise InvalidRequest

    def _new_chat(self, key: str | None) -> NewChat:
        """The chat of a question that begins one; a frame that is sent again belongs to the same."""
        if key is None:
            return NewChat()
        while len(self._beginning) >= _KEPT_KEYS:
            del self._beginning[next(iter(self._beginning))]
        return self._beginning.setdefault(key, NewChat())

    async def _subscribe(self, frame: SubscribeFrame) -> None:
        run_id, chat_id = frame.run_id, frame.chat_id
        _one_of(run_id, chat_id)
        if isinstance(run_id, str):
            run = await self._session.with_api(lambda api: api.run(run_id))
            self._ack(AckFrame(id=frame.id))
            self._feed.follow(run.id, frame.after if isinstance(frame.after, int) else 0)
        elif isinstance(chat_id, str) and not isinstance(frame.after, int):
            await self._subscribe_chat(frame.id, chat_id)
        else:
            raise InvalidRequest("Subscribe to either a run_id (with after) or a chat_id.")

    async def _subscribe_chat(self, frame_id: FrameId, chat_id: str) -> None:
        self._feed.follow_chat(chat_id)
        runs = await self._session.with_api(lambda api: _running(api, chat_id))
        self._ack(AckFrame(id=frame_id, runs=tuple(runs)))
        for run in runs:
            self._feed.follow(run.id, 0)

    def _ack(self, frame: AckFrame) -> None:
        if frame.id is not None:
            self._tell(frame)

    def _tell(self, frame: AckFrame | ErrorFrame | PongFrame) -> None:
        self._post(msgspec.to_builtins(frame))


async def _running(api: Api, chat_id: str) -> list[RunState]:
    messages = [message async for message in api.messages(chat_id) if message.status in RUNNING]
    runs = [await api.run(message.run_id) for message in messages if message.run_id]
    return [RunState(run.id, run.state, run.seq) for run in runs if not run.ended]


def _body(frame: _Sending, kind: type[Any]) -> Any:
    return kind(**{name: getattr(frame, name) for name in kind.__struct_fields__})


def _one_of(run_id: object, chat_id: object) -> Id:
    if isinstance(run_id, str) != isinstance(chat_id, str):
        return run_id if isinstance(run_id, str) else str(chat_id)
    raise InvalidRequest("Name either a run_id or a chat_id.")


def _encoded(content: object) -> bytes:
    try:
        data = msgspec.json.encode(content)
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequest("The frame is no JSON.") from None
    if len(data) > MAX_BODY:
        raise TooLarge(f"The frame is larger than {MAX_BODY:,} bytes.", limit=MAX_BODY)
    return data
