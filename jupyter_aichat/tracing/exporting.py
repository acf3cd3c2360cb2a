"""Where spans go: to a collector that takes OTLP over HTTP, in batches, from a thread of its own."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from jupyter_aichat.errors import NotReady
from jupyter_aichat.tracing.tracing import Tracing

ENVIRONMENT = "environment"
"""What `AIChatApp.traces_url` says where the variables of OpenTelemetry say all."""
_PATH = "/v1/traces"
_TRY_S = 2.0


def exporting(url: str, ratio: float, version: str) -> Tracing:
    """Return what makes spans and sends them; the variables ``OTEL_*`` say what is not said here. Raises `NotReady`."""
    sampler = None if "OTEL_TRACES_SAMPLER" in os.environ else ParentBasedTraceIdRatio(ratio)
    exporter = OTLPSpanExporter(endpoint_of(url))
    provider = TracerProvider(sampler, _resource(version), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider.get_tracer("jupyter_aichat", version), provider.shutdown)


def endpoint_of(url: str) -> str | None:
    """Return where spans are posted, None where the environment says it; raises `NotReady` for what is no address."""
    if url == ENVIRONMENT:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotReady(
            f"AIChatApp.traces_url is {url!r}: an address such as http://127.0.0.1:4318, or {ENVIRONMENT!r}."
        )
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(_PATH) else path + _PATH).geturl()


def takes_spans(endpoint: str | None) -> bool:
    """Whether a collector takes what we would send it: nothing, for once. Blocks for two seconds at most."""
    exporter = OTLPSpanExporter(endpoint, timeout=_TRY_S)
    try:
        return exporter.export([]) is SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]


def _resource(version: str) -> Resource:
    """Who we are: as the environment says, else by our own name."""
    found = Resource.create({"service.version": version})
    if str(found.attributes["service.name"]).startswith("unknown_service"):
        found = found.merge(Resource({"service.name": "jupyter_aichat"}))
    return found
