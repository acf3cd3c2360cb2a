"""One line for each request, where the log is JSON.

It names the route and ids, never the path itself or the query: the one may be the link of a share, the other what somebody
searched for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from jupyter_aichat.logs.lines import FIELDS
from jupyter_aichat.logs.paths import shown_segment

if TYPE_CHECKING:
    from jupyter_aichat.server.hosted import HostedHandler

QUIET = frozenset({"/health", "/ready", "/metrics"})
"""What balancers and Prometheus ask all day."""


def log_request(handler: HostedHandler) -> None:
    """Log a request that was answered."""
    status, request = handler.get_status(), handler.request
    ids = {name: shown_segment(value) for name, value in handler.path_kwargs.items() if name.endswith("_id") and value}
    fields = {
        "method": request.method,
        "route": handler.route.path or "unknown",
        "status": status,
        "ms": round(request.request_time() * 1000, 1),
        "address": request.remote_ip,
        **ids,
    }
    message = f"{status} {request.method} {handler.route.path or 'unknown'}"
    handler.log.log(_level(handler.route.path, status), message, extra={FIELDS: fields})


def _level(route: str, status: int) -> int:
    if status >= 500:
        return logging.ERROR
    return logging.DEBUG if route in QUIET else logging.INFO
