"""What a widget's views are told: the changes of all chats, and the events of the runs that they follow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import UNSET

from jupyter_aichat.domain.event import RunFinished
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.kernel.service import News, Service, ServiceGone
from jupyter_aichat.kernel.session import Session
from jupyter_aichat.protocol.errors import frame_of
from jupyter_aichat.protocol.frames import ChatChangedFrame


class Feed:
    """Streams of one widget, all into `post`. Belongs to the session's loop."""

    def __init__(self, session: Session, post: Callable[[dict[str, Any]], None]) -> None:
        self._session, self._post = session, post
        self._news: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._places: dict[str, int] = {}
        self._chats: set[str] = set()
        self._closed = False

    async def open(self) -> None:
        """Return when changes are told; raises `AIChatError` where there is no service."""
        service = await self._session.service()
        if self._news is None and not self._closed:
            self._heard = asyncio.Event()
            self._news = asyncio.create_task(self._listen(service), name="aichat-news")
        await self._heard.wait()
        if self._news is None:
            raise ServiceGone

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        for task in (*self._runs.values(), *((self._news,) if self._news else ())):
            task.cancel()

    def gone(self) -> None:
        """Tell the views that the service has gone: they come back with a ping."""
        if self._news is not None:
            self._news.cancel()

    async def _listen(self, service: Service) -> None:
        try:
            async with aclosing(service.news()) as news:
                async for frame in news:
                    self._heard.set()
                    self._post(msgspec.to_builtins(frame))
                    self._look(frame)
        except AIChatError:
            await self._session.lose(service)
        finally:
            self._news = None
            self._heard.set()
            if not self._closed:
                self._post({"type": "closed"})

    def _look(self, frame: News) -> None:
        """Follow a run that began elsewhere in a chat that is followed."""
        if isinstance(frame, ChatChangedFrame) and frame.chat_id in self._chats:
            if frame.change == "deleted":
                self._chats.discard(frame.chat_id)
            elif frame.run_id is not UNSET and frame.run_id not in self._runs:
                self.follow(frame.run_id, 0)

    def follow_chat(self, chat_id: str) -> None:
        """Follow the runs that begin in a chat from now on."""
        self._chats.add(chat_id)

    def follow(self, run_id: str, after: int) -> None:
        """Tell the events of a run that are later than a place.

        Other views of the widget may follow it already: they must miss nothing, and leave out what they have.
        """
        if (before := self._runs.get(run_id)) is not None:
            before.cancel()
            after = min(after, self._places[run_id])
        if not self._closed:
            self._places[run_id] = after
            task = asyncio.create_task(self._run(run_id), name="aichat-run")
            self._runs[run_id] = task
            task.add_done_callback(lambda done: self._forget(run_id, done))

    def leave(self, run_or_chat: str) -> None:
        """Follow a run, or the runs of a chat to come, no more."""
        self._chats.discard(run_or_chat)
        if (task := self._runs.get(run_or_chat)) is not None:
            task.cancel()

    async def _run(self, run_id: str) -> None:
        service = await self._session.service()
        try:
            async with aclosing(service.events(run_id, self._places[run_id])) as frames:
                async for frame in frames:
                    self._places[run_id] = frame.seq
                    self._post(msgspec.to_builtins(frame))
                    if isinstance(frame.event, RunFinished):
                        return
        except ServiceGone:
            await self._session.lose(service)
            self.gone()
        except AIChatError as error:
            self._post(msgspec.to_builtins(frame_of(error, None)))

    def _forget(self, run_id: str, task: asyncio.Task[None]) -> None:
        if self._runs.get(run_id) is task:
            del self._runs[run_id], self._places[run_id]
