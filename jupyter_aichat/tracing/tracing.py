"""The spans of one process: of requests and frames, of runs and what they ask.

    POST /chats/{chat_id}/messages, or `frame send`      the request; its place is kept with the run
    ├── store.commit …
    ├── claim                                            until a worker took it, where others answer requests
    ├── run                                              in each process that had the run
    │   ├── queue
    │   ├── chat MODEL                                   the model, with the event `first_token`
    │   └── store.end_run …

A span says how long, how many, which model and which ids, never what was said or who said it. Nothing is done for a token. Questions
to store, bus, cache and queue are spans where they belong to one request or run that goes on, not where they are everybody's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from jupyter_aichat.domain.model import Model
from jupyter_aichat.domain.run import RunRecord
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.observer import EndedRun, Observer
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.logs.context import REQUEST_ID, TRACEPARENT
from jupyter_aichat.tracing import attributes
from jupyter_aichat.tracing.context import below, below_remote, traceparent_of

_SPAN: ContextVar[Span | None] = ContextVar("aichat_span", default=None)
"""What the present task works for."""
_RUN: ContextVar[Span | None] = ContextVar("aichat_run_span", default=None)
_CHAT: ContextVar[Span | None] = ContextVar("aichat_chat_span", default=None)


class Tracing(Observer):
    """Makes spans with a tracer; `close`, called on any thread, sends what is there and ends."""

    def __init__(self, tracer: Tracer, close: Callable[[], None]) -> None:
        self._tracer, self.close = tracer, close

    # What the server tells

    def begin_request(self, route: str, method: str, traceparent: str | None) -> Callable[[int], None]:
        """Begin the span of a request, in a trace that is under way where a ``traceparent`` is given.

        What it returns ends the span, with the status of the answer.
        """
        span = self._tracer.start_span(
            f"{method} {route}",
            below_remote(traceparent),
            SpanKind.SERVER,
            attributes.of_request(method, route, REQUEST_ID.get()),
        )
        _enter(span)

        def end(status: int) -> None:
            span.set_attribute(attributes.STATUS, status)
            if status >= 500:
                _fail(span, str(status))
            span.end()

        return end

    @contextmanager
    def frame(self, kind: str) -> Iterator[None]:
        """Make the span of a frame that is carried out in this task; each begins a trace."""
        span = self._tracer.start_span(
            f"frame {kind}", below(None), SpanKind.SERVER, attributes.of_frame(kind, REQUEST_ID.get())
        )
        _enter(span)
        try:
            yield
        except BaseException as fault:
            _fail(span, _name_of(fault))
            raise
        finally:
            span.end()

    # What the engine tells

    def began(self, record: RunRecord) -> None:
        """See `Observer.began`."""
        parent = below_remote(record.generation.traceparent)
        span = self._tracer.start_span("run", parent, SpanKind.CONSUMER, attributes.of_run(record))
        _RUN.set(span)
        _enter(span)

    def offered(self, record: RunRecord) -> None:
        """See `Observer.offered`; what is asked of the store meanwhile, again and again, has no spans."""
        parent = below_remote(record.generation.traceparent)
        _RUN.set(self._tracer.start_span("claim", parent, SpanKind.PRODUCER, attributes.of_run(record)))

    def taken(self, waited_s: float) -> None:  # noqa: ARG002 (the span knows)
        """See `Observer.taken`."""
        if (span := _RUN.get()) is not None:
            span.end()
            _RUN.set(None)

    def admitted(self, waited_s: float) -> None:
        """See `Observer.admitted`."""
        self._past("queue", waited_s)

    def asking(self, model: Model, record: RunRecord) -> None:
        """See `Observer.asking`."""
        span = self._tracer.start_span(
            f"chat {model.name}", below(_RUN.get()), SpanKind.CLIENT, attributes.of_model(model, record)
        )
        _CHAT.set(span)

    def heard(self, first_token_s: float | None, usage: Usage | None, reason: str | None) -> None:
        """See `Observer.heard`; a fault is the one that passes the caller."""
        span = _CHAT.get()
        if span is None:
            return
        span.set_attributes(attributes.of_answer(first_token_s, usage, reason))
        if (fault := sys.exception()) is not None:
            _fail(span, _name_of(fault))
        span.end()
        _CHAT.set(None)

    def first_token(self) -> None:
        """See `Observer.first_token`."""
        if (span := _CHAT.get()) is not None:
            span.add_event("first_token")

    def ended(self, run: EndedRun) -> None:
        """See `Observer.ended`."""
        span = _RUN.get()
        if span is None:
            return
        span.set_attributes(attributes.of_end(run))
        if run.outcome in ("failed", "interrupted"):
            _fail(span, run.error or run.reason or run.outcome)
        span.end()
        _RUN.set(None)

    def left(self) -> None:
        """See `Observer.left`."""
        if (span := _RUN.get()) is not None:
            span.set_attribute(attributes.LET_GO, True)
            span.end()
            _RUN.set(None)

    def asked(self, part: str, operation: str, seconds: float, failed: bool) -> None:
        """See `Observer.asked`."""
        self._past(f"{part}.{operation}", seconds, failed, SpanKind.CLIENT)

    def _past(self, name: str, seconds: float, failed: bool = False, kind: SpanKind = SpanKind.INTERNAL) -> None:
        """Make a span of what has just ended, below the present one, if that goes on."""
        parent = _SPAN.get()
        if parent is None or not parent.is_recording():
            return
        now = time.time_ns()
        span = self._tracer.start_span(name, below(parent), kind, start_time=now - round(seconds * 1e9))
        if failed:
            _fail(span, "unavailable")
        span.end(now)


def _enter(span: Span) -> None:
    _SPAN.set(span)
    TRACEPARENT.set(traceparent_of(span))


def _fail(span: Span, kind: str) -> None:
    span.set_attribute(attributes.ERROR, kind)
    span.set_status(Status(StatusCode.ERROR))


def _name_of(fault: BaseException) -> str:
    """An error's code, or its class: never its text, which may quote what was said."""
    return fault.code if isinstance(fault, AIChatError) else type(fault).__name__
