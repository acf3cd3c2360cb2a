"""Where a span stands in its trace, as text that travels: the header ``traceparent`` of W3C Trace Context."""

from __future__ import annotations

import re

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags, set_span_in_context

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def traceparent_of(span: Span) -> str | None:
    """Return the header that names a span; None for one that is nobody's, as where the SDK is disabled."""
    found = span.get_span_context()
    if not found.is_valid:
        return None
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags & TraceFlags.SAMPLED:02x}"


def below(span: Span | None) -> Context:
    """Return the context of a span's children; of None, that of the first span of a trace."""
    return Context() if span is None else set_span_in_context(span, Context())


def below_remote(traceparent: str | None) -> Context:
    """Return the context of the children of a span of another process; what is no header begins a trace."""
    form = _FORM.fullmatch(traceparent) if traceparent and len(traceparent) <= 512 else None
    if form is None or form[1] == "ff" or (form[1] == "00" and form[5]):
        return Context()
    parent = SpanContext(int(form[2], 16), int(form[3], 16), is_remote=True, trace_flags=TraceFlags(int(form[4], 16)))
    return below(NonRecordingSpan(parent)) if parent.is_valid else Context()
