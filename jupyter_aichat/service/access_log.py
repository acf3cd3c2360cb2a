"""What is logged of each request: never what people typed, and no credential, wherever in the address they put it."""

from __future__ import annotations

import logging

from tornado.log import access_log
from tornado.web import RequestHandler

from jupyter_aichat.logs.paths import shown_path


def log_request(handler: RequestHandler) -> None:
    """Log who asked for what from where, and how long it took."""
    status, request = handler.get_status(), handler.request
    level = logging.DEBUG if status < 400 else logging.INFO if status < 500 else logging.ERROR
    user = vars(handler).get("_jupyter_current_user")  # there is none where nobody was asked who it is
    who, spent_ms = getattr(user, "username", "-"), 1000 * request.request_time()
    access_log.log(
        level, "%s %s %s (%s@%s) %.1f ms", status, request.method, shown_path(request.path), who, request.remote_ip, spent_ms
    )  # fmt: skip
