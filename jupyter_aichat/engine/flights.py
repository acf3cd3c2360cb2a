"""Identical requests in flight: one generation, read by several runs that begin and end on their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from itertools import chain
from typing import Generic, TypeVar

from jupyter_aichat.providers.base import Chunk

Chunks = tuple[Chunk, ...]
R = TypeVar("R")


class Flight(Generic[R]):
    """One answer under way, all of it so far, and who reads it. A slow reader holds up nobody.

    Parameters
    ----------
    answer
        The provider's; closed when the last reader has gone.
    closed
        Called as soon as the upstream is closed.
    landed
        Called with the whole answer and its readers once it has ended without an error.
    over
        Called when nobody can join any more. The two others may be called twice.
    """

    def __init__(
        self,
        answer: AsyncGenerator[Chunks, None],
        *,
        closed: Callable[[], None],
        landed: Callable[[Sequence[Chunk], Sequence[R]], Awaitable[None]],
        over: Callable[[], None],
    ) -> None:
        self._answer, self._closed, self._landed, self._over = answer, closed, landed, over
        self._chunks: list[Chunks] = []
        self._readers: list[R] = []
        self._news = asyncio.Event()
        self._complete = False
        self._error: Exception | None = None
        self._task = asyncio.create_task(self._fly(), name="aichat-flight")

    async def _fly(self) -> None:
        try:
            await self._pull()
            self._complete = True
            self._tell()
            await self._landed(list(chain.from_iterable(self._chunks)), tuple(self._readers))
        except Exception as error:  # noqa: BLE001 (whatever it is, each reader gets it)
            self._error = error
        finally:
            self._over()
            self._tell()

    async def _pull(self) -> None:
        try:
            async with aclosing(self._answer) as stream:
                async for chunks in stream:
                    self._chunks.append(chunks)
                    self._tell()
        finally:
            self._closed()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def read(self, reader: R) -> AsyncGenerator[Chunks, None]:
        """Stream the answer from its beginning: what is there already at once, then as it comes."""
        self._readers.append(reader)
        index = 0
        try:
            while not (self._ended and index == len(self._chunks)):
                if index == len(self._chunks):
                    await self._news.wait()
                    continue
                fresh = tuple(chain.from_iterable(self._chunks[index:]))
                index = len(self._chunks)
                yield fresh
            if self._error is not None and not self._complete:
                raise self._error.with_traceback(None)
        finally:
            self._readers.remove(reader)
            if not self._readers:
                await self.close()

    @property
    def _ended(self) -> bool:
        return self._complete or self._error is not None

    async def close(self) -> None:
        """Close the upstream, unless it has ended."""
        if not self._ended:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._closed()  # a task that is cancelled before its first step does nothing at all
            self._over()

    async def finish(self) -> None:
        """Close the upstream, or wait until what has ended is kept."""
        await self.close()
        await asyncio.gather(self._task, return_exceptions=True)
