"""A reader: a cursor into a run. It holds no queue, so a slow one costs the others nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from jupyter_aichat.engine.log import EncodedEvent

TAKE_LIMIT = 64 * 1024


class Source(Protocol):
    """Where the events of a run come from, in this process."""

    @property
    def ending(self) -> EncodedEvent | None:
        """The run's last event, once it is there."""
        ...

    def read(self, after: int | None, limit: int) -> list[EncodedEvent]:
        """Return what is later than `after`, at most about `limit` bytes.

        None, or a place that the log no longer reaches, is answered by a snapshot first.
        """
        ...

    def attach(self, reader: Reader) -> None:
        """Wake the reader whenever there is more."""

    def detach(self, reader: Reader) -> None:
        """Forget the reader."""


class Reader:
    """What one subscriber has seen of a run.

    Parameters
    ----------
    after
        The last ``seq`` seen; None to begin with a snapshot.
    wake
        Called on the loop when there is something to take, at most once between takes.
    """

    __slots__ = ("_after", "_source", "_wake", "_woken", "finished")

    def __init__(self, source: Source, after: int | None, wake: Callable[[], None]) -> None:
        self._source = source
        self._after = after
        self._wake = wake
        self._woken = False
        self.finished = False
        source.attach(self)
        self.notify()

    @property
    def after(self) -> int | None:
        """The last ``seq`` seen; None where nothing was."""
        return self._after

    def notify(self) -> None:
        """Say that the source may have more."""
        if not self._woken and not self.finished:
            self._woken = True
            self._wake()

    def take(self, limit: int = TAKE_LIMIT) -> list[EncodedEvent]:
        """Return the events that are ready, in order, each once; the caller asks again until there are none."""
        self._woken = False
        if self.finished:
            return []
        events = self._source.read(self._after, limit)
        if not events and (ending := self._source.ending) is not None:
            events = [ending]
        if events:
            self._after = events[-1].seq
            if events[-1].last:
                self.finished = True
                self._source.detach(self)
        return events

    def move(self, source: Source) -> None:
        """Go on from another source, from the same place."""
        self._source = source
        source.attach(self)
        self.notify()

    def close(self) -> None:
        """Stop reading."""
        self.finished = True
        self._source.detach(self)
