"""Going on with a run whose owner is gone: from its text, where that is sound, else to an honest end.

    claim ── checkpoint + rest of the log ──┬── sound: marked, `snapshot`, and the model goes on from the text
     (epoch + 1; one wins)                  ├── no text yet: begun again
                                            └── else: `snapshot`, `run_finished`

A process that asks no model keeps it for whoever does: unless it ends, it is offered to the workers (`offering`), with its text.

Sound is: text alone so far, a model that goes on from its own text, an owner gone for less than `GONE_S`. What was said
already counts against ``num_predict`` and towards the usage: estimated from the text, as the window's tokens are, because
nobody can ask the provider any more how many it had counted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from jupyter_aichat.bus.base import Bus, Entry
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.event import (
    RunFinished,
    Snapshot,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    UsageEvent,
    decode_event,
)
from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.ids import InstanceId
from jupyter_aichat.domain.message import Continuation, Message
from jupyter_aichat.domain.part import Part, TextPart, text_of
from jupyter_aichat.domain.run import RunRecord, TakeUp, queued, seq_of
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.generation import End, summed
from jupyter_aichat.engine.log import Piece
from jupyter_aichat.engine.models import Catalogue
from jupyter_aichat.engine.observer import Observer
from jupyter_aichat.engine.parts import fold, said_by_run
from jupyter_aichat.engine.window import Estimator
from jupyter_aichat.engine.workers import Parked, Workers
from jupyter_aichat.errors import BusUnavailable, ProviderError
from jupyter_aichat.providers.base import PromptMessage
from jupyter_aichat.stores.base import Store

GONE_S = 60.0
_READ_ENTRIES = 500


class _Left(NamedTuple):
    """What an owner left: the parts, and the end, where it came to one that the store was not told."""

    parts: tuple[Part, ...]
    end: End | None = None
    usage: Usage | None = None


class Takeover:
    """Claims runs and goes on with them.

    Parameters
    ----------
    generates
        Whether this process asks models; else it keeps the runs for those that do.
    """

    def __init__(
        self,
        *,
        instance: InstanceId,
        store: Store,
        bus: Bus,
        catalogue: Catalogue,
        estimator: Estimator,
        workers: Workers,
        observer: Observer,
        generates: bool,
        log: logging.Logger,
    ) -> None:
        self._generates = generates
        self._id, self._store, self._bus, self._catalogue = instance, store, bus, catalogue
        self._estimator, self._workers, self._observer, self._log = estimator, workers, observer, log

    async def take(self, record: RunRecord, gone_s: float | None, reason: str) -> bool:
        """Take a run that has not ended and go on with it, or end it for this `reason`; False where another was faster.

        `gone_s`: since when nobody writes it, in seconds; None where that is unknown.
        """
        parked = self._workers.parked(record)
        claimed = await self._store.claim(record.owner_id, record.run.id, record.epoch, self._id)
        if claimed is None:
            return False
        reply = await self._store.get_message(claimed.owner_id, claimed.run.chat_id, claimed.run.message_id)
        left = _parked(parked) if parked else _folded(reply.parts, await self._rest(claimed))
        end = left.end or await self._early_end(claimed, left.parts, gone_s, reason)
        await self._take_up(claimed, reply, left, end)
        return True

    async def _rest(self, record: RunRecord) -> list[Entry]:
        """The log from the checkpoint on; as far as it is there."""
        rest: list[Entry] = []
        after = record.run.seq
        try:
            while entries := await self._bus.read(record.run.id, after, _READ_ENTRIES):
                rest += entries
                after = entries[-1].seq
        except BusUnavailable:
            self._log.warning("The bus does not answer; run %s goes on from its last checkpoint", record.run.id)
        return rest

    async def _early_end(
        self, record: RunRecord, parts: tuple[Part, ...], gone_s: float | None, reason: str
    ) -> End | None:
        """The end of a run that cannot go on, else None."""
        interrupted = End("interrupted", reason)
        if record.stop_requested:
            return End("stopped", "user")
        if gone_s is None or gone_s > GONE_S:
            return interrupted
        if not parts:
            return None
        if not text_of(parts) or not all(isinstance(part, TextPart) for part in parts):
            return interrupted
        return await self._end_of_unable(record, reason) if self._generates else None

    async def _end_of_unable(self, record: RunRecord, reason: str) -> End | None:
        """The end of a run whose model does not go on from its own text, or is not there, else None."""
        try:
            setup = await self._catalogue.setup(await self._catalogue.resolve(record.generation.model or None))
        except ProviderError as error:
            return End("interrupted", reason, Failure(error.code, error.message, dict(error.details)))
        return None if setup.can_prefill else End("interrupted", reason)

    async def _take_up(self, record: RunRecord, reply: Message, left: _Left, end: End | None) -> None:
        goes_on = end is None and self._generates and bool(left.parts)
        mark = _mark(reply, left.parts) if goes_on else None
        start = TakeUp(left.parts, seq_of(record.epoch, 1), mark)
        taken = await self._store.take_up(record.owner_id, record.run.id, record.epoch, start)
        if taken is None:
            return  # ended, deleted or taken again meanwhile
        assert taken.parent_id is not None
        question = await self._store.get_message(record.owner_id, taken.chat_id, taken.parent_id)
        taken = msgspec.structs.replace(taken, usage=summed(taken.usage, left.usage))
        if goes_on:
            record, taken, end = self._rest_to_say(record, taken)
        self._tell(record, end)
        self._workers.start(record if self._generates else queued(record), question, taken, end)

    def _tell(self, record: RunRecord, end: End | None) -> None:
        what = "ends" if end else "goes on here" if self._generates else "waits here for a worker"
        self._log.info("Run %s, whose owner is gone, %s", record.run.id, what)
        if end or self._generates:  # else whoever goes on with it says so
            self._observer.taken_over(end is None)

    def _rest_to_say(self, record: RunRecord, reply: Message) -> tuple[RunRecord, Message, End | None]:
        """What is asked of the model that goes on: the answer so far leads, and counts."""
        generation = record.generation
        text = PromptMessage("assistant", (TextPart(said_by_run(reply)),))
        said = self._estimator.tokens(f"{generation.provider}/{generation.model}", text)
        options, end = generation.options, None
        if options.num_predict is not None:
            end = End("completed", "length") if said >= options.num_predict else None
            options = msgspec.structs.replace(options, num_predict=max(options.num_predict - said, 1))
        generation = msgspec.structs.replace(generation, options=options, prefill=True)
        reply = msgspec.structs.replace(reply, usage=summed(reply.usage, Usage(completion_tokens=said)))
        return msgspec.structs.replace(record, generation=generation), reply, end


def _parked(parked: Parked) -> _Left:
    """What this process let go of: nothing of its text is missing."""
    finished = parked.live.finished_chunk
    return _Left(parked.live.message().parts, parked.end, finished.usage if finished and parked.end else None)


def _folded(parts: tuple[Part, ...], entries: Iterable[Entry]) -> _Left:
    """What message and the rest of the log say together."""
    end: End | None = None
    usage: Usage | None = None
    pieces: list[Piece] = []
    for entry in entries:
        event = decode_event(entry.data)
        if isinstance(event, Snapshot):
            parts, pieces = event.message.parts, []
        elif isinstance(event, RunFinished):
            end = End(event.state, event.reason, event.error)
        elif isinstance(event, UsageEvent):
            usage = event.usage
        else:
            pieces += _pieces(event)
    return _Left(fold(parts, pieces), end, usage if end else None)


def _pieces(event: object) -> Iterator[Piece]:
    if isinstance(event, TextDelta):
        yield Piece(0, "text", event.text)
    elif isinstance(event, ThinkingDelta):
        yield Piece(0, "thinking", event.text)
    elif isinstance(event, ToolCall):
        yield Piece(0, "tool_call", "", event)


def _mark(reply: Message, parts: tuple[Part, ...]) -> Continuation | None:
    """Where the answer is taken up; None where the last mark says so already."""
    last = parts[-1]
    mark = Continuation(len(parts) - 1, len(last.text) if isinstance(last, TextPart) else 0, now(), "takeover")
    before = reply.continuations[-1] if reply.continuations else None
    same = before is not None and (before.part, before.offset) == (mark.part, mark.offset)
    return None if same else mark
