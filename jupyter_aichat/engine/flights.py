"""Identical requests in flight: one generation, read by several runs that begin and end on their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import copy_context
from typing import Generic, TypeVar

from jupyter_aichat.providers.base import Chunk, Hear

Answer = Callable[[Hear], Awaitable[None]]
"""An answer that has yet to be asked for: `Provider.chat` with its request."""

R = TypeVar("R")


class _Reader(Generic[R]):
    """One who hears an answer, and whose fault it is if that fails."""

    def __init__(self, who: R, hear: Hear) -> None:
        self.who, self._hear = who, hear
        self.done = asyncio.get_running_loop().create_future()
        self._run = copy_context().run

    def hear(self, chunks: tuple[Chunk, ...]) -> None:
        if chunks and not self.done.done():
            try:
                self._run(self._hear, chunks)
            except Exception as error:  # noqa: BLE001 (the others go on)
                self.done.set_exception(error)

    def end(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error.with_traceback(None))


class Flight(Generic[R]):
    """One answer under way, all of it so far, and who reads it.

    Parameters
    ----------
    answer
        The provider's; given up when the last reader has gone.
    closed
        Called as soon as the upstream is closed.
    landed
        Called with the whole answer and its readers once it has ended without an error.
    over
        Called when nobody can join any more. The two others may be called twice.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        closed: Callable[[], None],
        landed: Callable[[Sequence[Chunk], Sequence[R]], Awaitable[None]],
        over: Callable[[], None],
    ) -> None:
        self._answer, self._closed, self._landed, self._over = answer, closed, landed, over
        self._chunks: list[Chunk] = []
        self._readers: list[_Reader[R]] = []
        self._complete = False
        self._error: Exception | None = None
        self._task = asyncio.create_task(self._fly(), name="aichat-flight")

    async def _fly(self) -> None:
        try:
            try:
                await self._answer(self._hear)
            finally:
                self._closed()
            self._complete, readers = True, tuple(reader.who for reader in self._readers)
            self._tell_end()
            await self._landed(self._chunks, readers)
        except Exception as error:  # noqa: BLE001 (whatever it is, each reader gets it)
            self._error = error
        finally:
            self._over()
            self._tell_end()

    def _hear(self, chunks: tuple[Chunk, ...]) -> None:
        self._chunks += chunks
        for reader in tuple(self._readers):
            reader.hear(chunks)

    def _tell_end(self) -> None:
        for reader in self._readers:
            reader.end(None if self._complete else self._error)

    async def read(self, who: R, hear: Hear) -> None:
        """Give the answer from its beginning: what is there already at once, then as it comes."""
        reader = _Reader(who, hear)
        self._readers.append(reader)
        try:
            reader.hear(tuple(self._chunks))
            if self._ended:
                self._tell_end()
            await reader.done
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
