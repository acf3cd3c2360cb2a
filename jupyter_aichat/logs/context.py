"""Which request, which run and which span the present task works for; tasks that it starts inherit it.

What works for everybody is started in a `nobodys` context, or it would bear the name of whoever came first.
"""

from __future__ import annotations

import re
from contextvars import Context, ContextVar

REQUEST_ID: ContextVar[str | None] = ContextVar("aichat_request_id", default=None)
RUN_ID: ContextVar[str | None] = ContextVar("aichat_run_id", default=None)
TRACEPARENT: ContextVar[str | None] = ContextVar("aichat_traceparent", default=None)
"""The span that the task works for, as W3C Trace Context writes it; None where nothing is traced."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")


def is_request_id(text: str) -> bool:
    """Whether what a client or a proxy calls its request can be taken over: short, and of harmless characters."""
    return _REQUEST_ID.fullmatch(text) is not None


def nobodys() -> Context:
    """Return a context that belongs to no request and no run, for ``create_task``."""
    return Context()
