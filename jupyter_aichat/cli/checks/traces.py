"""The doctor's look at the collector of traces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from jupyter_aichat.cli.checks.finding import Finding
from jupyter_aichat.cli.desk import AIChatApp
from jupyter_aichat.tracing import switch


async def traces(app: AIChatApp) -> AsyncIterator[Finding]:
    """Yield whether it takes spans, where there shall be one."""
    if not app.traces_url:
        return
    if not switch.is_installed():
        yield Finding(
            "traces", "fail", "OpenTelemetry is not installed: the service does not start.",
            "pip install 'jupyterlab-aichat[otel]', or no AIChatApp.traces_url.",
        )  # fmt: skip
        return
    from jupyter_aichat.tracing.exporting import endpoint_of, takes_spans  # noqa: PLC0415 (where it is installed)

    endpoint = endpoint_of(app.traces_url)
    if await asyncio.to_thread(takes_spans, endpoint):
        yield Finding("traces", "ok", "The collector takes spans.")
    else:
        yield Finding(
            "traces", "warn", "The collector takes no spans: they are lost.",
            "AIChatApp.traces_url (AICHAT_TRACES_URL) is where it takes OTLP over HTTP, mostly port 4318.",
        )  # fmt: skip
