"""Turns tracing on where an operator wants it, and off in time."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from typing import TYPE_CHECKING

from jupyter_aichat.errors import NotReady

if TYPE_CHECKING:
    from jupyter_aichat.tracing.tracing import Tracing

LAST_S = 1.5
"""How long the last spans may take to leave."""
_NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def tracing(url: str, ratio: float, version: str) -> Tracing | None:
    """Return what makes spans, None where no address is given; raises `NotReady` where something is missing or wrong."""
    if not url:
        return None
    if not is_installed():
        raise NotReady("AIChatApp.traces_url needs OpenTelemetry: pip install 'jupyterlab-aichat[otel]'.")
    from jupyter_aichat.tracing.exporting import exporting  # noqa: PLC0415 (a tenth of a second, for those who want it)

    return exporting(url, ratio, version)


def is_installed() -> bool:
    """Whether the packages of the extra ``otel`` are here."""
    try:
        return all(importlib.util.find_spec(name) is not None for name in _NEEDED)
    except ModuleNotFoundError:
        return False


async def close(tracing: Tracing) -> None:
    """Send the last spans; a collector that does not answer holds nobody up for longer than `LAST_S`."""
    thread = threading.Thread(target=tracing.close, name="aichat-last-spans", daemon=True)
    thread.start()
    await asyncio.to_thread(thread.join, LAST_S)
