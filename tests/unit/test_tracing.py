"""How tracing is turned on, and off where nobody takes the spans."""

from __future__ import annotations

import asyncio
import time

import pytest

from jupyter_aichat.errors import NotReady
from jupyter_aichat.tracing import switch
from jupyter_aichat.tracing.exporting import endpoint_of


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("https://otel.example/in/", "https://otel.example/in/v1/traces"),
        ("https://otel.example/v1/traces", "https://otel.example/v1/traces"),
        ("environment", None),
    ],
)
def test_spans_go_where_collectors_take_them(url: str, endpoint: str | None) -> None:
    assert endpoint_of(url) == endpoint


@pytest.mark.parametrize("url", ["otel:4318", "grpc://otel:4317", "yes"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(NotReady, match="traces_url"):
        switch.tracing(url, 1.0, "1")


def test_without_an_address_nothing_is_traced() -> None:
    assert switch.tracing("", 1.0, "1") is None


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "_NEEDED", ("opentelemetry.nowhere.at_all",))
    with pytest.raises(NotReady, match="otel"):
        switch.tracing("http://127.0.0.1:4318", 1.0, "1")


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    tracing = switch.tracing("http://127.0.0.1:9", 1.0, "1")
    assert tracing is not None
    tracing.begin_request("/me", "GET", None)(200)
    begun = time.monotonic()
    asyncio.run(switch.close(tracing))
    assert time.monotonic() - begun < switch.LAST_S + 0.5
