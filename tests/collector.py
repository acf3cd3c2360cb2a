"""A collector of OpenTelemetry on the loopback address: it takes OTLP over HTTP and keeps the spans."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

WITHIN_S = 10.0
ENVIRONMENT = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
"""Lets a process send its spans at once."""


@dataclass(frozen=True)
class Seen:
    """A span, and who sent it."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    seconds: float
    failed: bool
    attributes: dict[str, Any]
    events: tuple[str, ...]
    resource: dict[str, Any]


@dataclass
class Collector:
    """What was sent so far."""

    url: str = ""
    spans: list[Seen] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def take(self, path: str, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        self.paths.add(path)
        self.raw.append(body)
        for of in request.resource_spans:
            resource = _values(of.resource.attributes)
            self.spans += [_seen(span, resource) for scope in of.scope_spans for span in scope.spans]

    def wait(self, found: Callable[[list[Seen]], Any]) -> Any:
        """Wait until the spans have what is looked for, and return that."""
        deadline = time.monotonic() + WITHIN_S
        while not (result := found(list(self.spans))):
            assert time.monotonic() < deadline, sorted({span.name for span in self.spans})
            time.sleep(0.02)
        return result

    def named(self, name: str, **attributes: Any) -> list[Seen]:
        """Return the spans of a name with these attributes, whose dots are written as underscores."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        return [
            s for s in list(self.spans) if s.name == name and all(s.attributes.get(k) == v for k, v in wanted.items())
        ]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (as the library calls it)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _seen(span: Any, resource: dict[str, Any]) -> Seen:
    return Seen(
        span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), span.kind,
        (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9, span.status.code == 2,
        _values(span.attributes), tuple(event.name for event in span.events), resource,
    )  # fmt: skip


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)
