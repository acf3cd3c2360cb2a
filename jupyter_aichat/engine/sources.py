"""Where readers get a run that has ended, and how the log of one is read (see `follower` for one that goes on elsewhere)."""

from __future__ import annotations

import logging

from jupyter_aichat.bus.base import Bus, Entry
from jupyter_aichat.domain.event import RunFinished, encode_event
from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.domain.run import ENDED, Run
from jupyter_aichat.engine.log import EncodedEvent
from jupyter_aichat.engine.reader import Reader
from jupyter_aichat.errors import BusUnavailable

_READ_ENTRIES = 500
_END = b'{"type":"run_finished"'


def ending_of(run: Run) -> EncodedEvent:
    """Return the last event of a run that has ended, made from what the store says."""
    assert run.state in ENDED
    finished = RunFinished(run.state, run.reason, run.error, run.usage)  # type: ignore[arg-type]
    return EncodedEvent(run.seq, encode_event(finished), last=True)


class EndedRun:
    """A run that has ended: what is left of its log, or the whole message, then the end."""

    def __init__(self, run: Run, events: list[EncodedEvent]) -> None:
        self.ending = ending_of(run)
        self._events = [event for event in events if event.seq < run.seq]

    def read(self, after: int | None, limit: int) -> list[EncodedEvent]:
        """See `Source.read`."""
        found = []
        for event in (*self._events, self.ending):
            if after is None or event.seq > after:
                found.append(event)
                limit -= len(event.data)
                if limit <= 0:
                    break
        return found

    def attach(self, reader: Reader) -> None:
        """Nothing more will come."""

    def detach(self, reader: Reader) -> None:
        """Nothing to forget."""


def encoded(entry: Entry) -> EncodedEvent:
    """Return a log entry as an event, the end marked."""
    return EncodedEvent(entry.seq, entry.data, entry.data.startswith(_END))


async def read_log(
    bus: Bus, run_id: RunId, after: int, log: logging.Logger, limit: int = _READ_ENTRIES
) -> tuple[Entry, ...] | None:
    """Read from the bus; one that is away has nothing."""
    try:
        return await bus.read(run_id, after, limit)
    except BusUnavailable:
        log.debug("The bus does not answer; run %s is read from the store", run_id)
        return None
