"""The doctor's look at those that ask the models in this process's place."""

from __future__ import annotations

from collections.abc import AsyncIterator

from jupyter_aichat.cli.checks.finding import Finding
from jupyter_aichat.wiring import Desk


async def workers(found: Desk) -> AsyncIterator[Finding]:
    """Yield whether one says anything over Redis."""
    if await found.has_worker():
        yield Finding("workers", "ok", "There is one that asks the models.")
        return
    yield Finding(
        "workers", "fail", "None says anything over Redis: questions wait.",
        "Start one: `jupyter aichat serve --roles=worker` with the same store, Redis and secret.",
    )  # fmt: skip
