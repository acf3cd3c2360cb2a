"""A run that this process generates: its text so far, its log, its readers.

Chunks become events, at most one per `COALESCE_S`; the first leaves at once. An event is told to the readers of this
process and handed to the journal, which takes it to the bus and, once a second, to the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from jupyter_aichat.domain.event import Event, RunFinished, Snapshot, ToolCall, encode_event
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import ToolCallPart
from jupyter_aichat.domain.run import Run, RunRecord, Segment, State
from jupyter_aichat.engine.log import EncodedEvent, EventLog, TextKind
from jupyter_aichat.engine.parts import fold
from jupyter_aichat.engine.reader import Reader
from jupyter_aichat.providers.base import Chunk, FinishedChunk, TextChunk, ThinkingChunk, ToolCallChunk

COALESCE_S = 0.025

Emit = Callable[["LiveRun", EncodedEvent], None]


class AskedModel(msgspec.Struct):
    """What was asked of the model, and when (by the loop's clock): tokens as estimated, and when its first word came."""

    at: float
    prompt_tokens: int
    first_at: float | None = None

    @property
    def first_token_s(self) -> float | None:
        """Seconds until its first word."""
        return None if self.first_at is None else self.first_at - self.at


class LiveRun:
    """One run of this process. ``size`` counts the characters of the answer, those that it ``began_with`` included.

    ``asked`` is None until the model is.

    Parameters
    ----------
    record, reply
        The run as committed, and the message that it fills (with the text that a continued run begins with).
    emit
        Called for each event, in order.
    """

    def __init__(self, record: RunRecord, reply: Message, emit: Emit) -> None:
        self.record = record
        self.log = EventLog(record.epoch)
        self.size = self.began_with = _size(reply)
        self.state: State = record.run.state if record.run.state == "queued" else "loading"
        self.unread_since: float | None = None
        self.asked: AskedModel | None = None
        self.finished_chunk: FinishedChunk | None = None
        self.ending: EncodedEvent | None = None
        self._reply = reply
        self._emit = emit
        self._readers: list[Reader] = []
        self._loop = asyncio.get_running_loop()
        self._pending: list[str] = []
        self._pending_kind: TextKind = "text"
        self._flushed_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._saved = 0
        self._saved_parts = len(reply.parts)
        self._saved_kind: str | None = _kind_of_last(reply)

    # What a worker does

    def tell(self, event: Event, last: bool = False) -> None:
        """Append an event that is no text."""
        self.flush()
        encoded = self.log.append(event, last)
        if last:
            self.ending = encoded
        self._publish(encoded)

    def feed(self, chunks: Iterable[Chunk]) -> None:
        """Take what one read from the provider brought."""
        for chunk in chunks:
            if isinstance(chunk, TextChunk):
                self._add("text", chunk.text)
            elif isinstance(chunk, ThinkingChunk):
                self._add("thinking", chunk.text)
            elif isinstance(chunk, ToolCallChunk):
                self._call(ToolCall(chunk.id, chunk.name, chunk.arguments))
            else:
                self.finished_chunk = chunk
        if self._pending and self._timer is None:
            self._flush_soon()

    def _call(self, call: ToolCall) -> None:
        self.tell(call)
        self.size += len(encode_event(call))
        self.state = "streaming"

    def _add(self, kind: TextKind, text: str) -> None:
        if not text:
            return
        if self._pending and kind != self._pending_kind:
            self.flush()
        self._pending_kind = kind
        self._pending.append(text)
        self.size += len(text)
        self.state = "streaming"

    def _flush_soon(self) -> None:
        now = self._loop.time()
        due = self._flushed_at + COALESCE_S
        if now >= due:
            self._flushed_at = now
            self.flush()
        else:
            self._timer = self._loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._flushed_at = self._loop.time()
        self.flush()

    def flush(self) -> None:
        """Make an event of the text that waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            text = self._pending[0] if len(self._pending) == 1 else "".join(self._pending)
            self._pending.clear()
            self._publish(self._append(text))

    def _append(self, text: str) -> EncodedEvent:
        try:
            return self.log.append_text(self._pending_kind, text)
        except UnicodeEncodeError:  # a provider broke its promise; one bad character must not cost the answer
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return self.log.append_text(self._pending_kind, text)

    def _publish(self, event: EncodedEvent) -> None:
        self._emit(self, event)
        for reader in self._readers:
            reader.notify()

    def finish(self, finished: RunFinished) -> None:
        """Tell the end, after the store has it."""
        self.state = finished.state
        self.tell(finished, last=True)

    def drop_readers(self) -> list[Reader]:
        """Let go of all readers and return them: another process writes this run now."""
        readers, self._readers = self._readers, []
        return readers

    # What readers see

    def attach(self, reader: Reader) -> None:
        """Wake the reader at each event."""
        self.unread_since = None
        self._readers.append(reader)

    def detach(self, reader: Reader) -> None:
        """Forget the reader."""
        self._readers = [r for r in self._readers if r is not reader]
        if not self._readers:
            self.unread_since = self._loop.time()

    def read(self, after: int | None, limit: int) -> list[EncodedEvent]:
        """See `Source.read`; the log of a run reaches back to its first event."""
        if after is None:
            self.flush()
            message = self.message()
            return [EncodedEvent(message.seq, encode_event(Snapshot(message)))]
        return self.log.read(after, limit)

    def message(self) -> Message:
        """Return the message as it stands; costs its length.

        Of a run that waits in line it ends before the newest event: whoever comes now reads where it stands.
        """
        status = "pending" if self.state in ("queued", "loading") else "streaming"
        return msgspec.structs.replace(
            self._reply,
            parts=fold(self._reply.parts, self.log.pieces()),
            status=status,
            seq=self.log.seq - (self.state == "queued" and self.log.n > 0),
        )

    def run(self) -> Run:
        """Return the run as it stands."""
        return msgspec.structs.replace(self.record.run, state=self.state, seq=self.log.seq)

    # What the store keeps

    def unsaved(self) -> list[Segment]:
        """Return what was added since the last call, as segments."""
        record, segments = self.record, []
        for piece in self.log.pieces(self._saved):
            if piece.kind == "tool_call" or piece.kind != self._saved_kind:
                self._saved_parts += 1
            self._saved_kind = None if piece.kind == "tool_call" else piece.kind
            call = piece.call
            segments.append(
                Segment(
                    owner_id=record.owner_id, run_id=record.run.id, message_id=record.run.message_id,
                    epoch=record.epoch, seq=self.log.seq - self.log.n + piece.n, part=self._saved_parts - 1,
                    kind=piece.kind, text=piece.text, whole=None if call is None else fold((), [piece])[0],
                )
            )  # fmt: skip
        self._saved = self.log.n
        return segments


def _size(message: Message) -> int:
    return sum(len(part.text) for part in message.parts if not isinstance(part, ToolCallPart))


def _kind_of_last(message: Message) -> str | None:
    if not message.parts:
        return None
    kind = str(message.parts[-1].__struct_config__.tag)
    return None if kind == "tool_call" else kind
