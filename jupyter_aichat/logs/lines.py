"""Log lines as JSON, one object a line, for those who collect them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from jupyter_aichat.logs.context import REQUEST_ID, RUN_ID, TRACEPARENT

FIELDS = "aichat"
"""The attribute of a record with fields of its own: ``log.info("…", extra={FIELDS: {…}})``."""


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time, level, logger and message, and the request, run and span that it is about."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        about = {"request_id": REQUEST_ID.get(), "run_id": RUN_ID.get()}
        line |= {name: value for name, value in about.items() if value is not None}
        if (span := TRACEPARENT.get()) is not None:
            _, line["trace_id"], line["span_id"], _ = span.split("-")
        line |= getattr(record, FIELDS, {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return msgspec.json.encode(_harmless(line)).decode()


def _harmless(line: dict[str, Any]) -> dict[str, Any]:
    """Make text encodable: a lone surrogate in it must not cost the line."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for name, value in line.items()
    }
