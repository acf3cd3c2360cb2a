"""Error codes as HTTP statuses and bodies."""

from __future__ import annotations

from http.client import responses

from jupyter_aichat.errors import AIChatError
from jupyter_aichat.protocol.bodies import ErrorBody
from jupyter_aichat.protocol.frames import ErrorFrame, FrameId

STATUSES: dict[str, int] = {
    "invalid_request": 400,
    "invalid_option": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "bad_origin": 403,
    "model_not_allowed": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "name_taken": 409,
    "last_administrator": 409,
    "run_active": 409,
    "idempotency_conflict": 409,
    "cannot_continue": 409,
    "too_many_chats": 409,
    "too_large": 413,
    "unsupported_media": 415,
    "rate_limited": 429,
    "quota_exceeded": 429,
    "too_many_runs": 429,
    "internal": 500,
    "bad_upstream": 502,
    "queue_full": 503,
    "not_ready": 503,
    "store_unavailable": 503,
}

_CODES: dict[int, str] = {
    400: "invalid_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media",
    429: "rate_limited",
    502: "bad_upstream",
    503: "not_ready",
}

RETRY_AFTER_S = 2


def status_of(error: AIChatError) -> int:
    """Return the HTTP status of an error."""
    return STATUSES.get(error.code, 500)


def body_of(error: AIChatError) -> ErrorBody:
    """Return what a client is told of an error; a refusal that will pass says after how many seconds."""
    details = dict(error.details)
    if status_of(error) in (429, 503):
        details.setdefault("retry_after", RETRY_AFTER_S)
    return ErrorBody(error.code, error.message, details, None)


def body_of_status(status: int, message: str, reason: str | None) -> ErrorBody:
    """Return the body of an error that has only a status, one of the web server's own."""
    details: dict[str, object] = {"retry_after": RETRY_AFTER_S} if status in (429, 503) else {}
    code = _CODES.get(status, "internal" if status >= 500 else "invalid_request")
    return ErrorBody(code, message or responses.get(status, "Unknown error"), details, reason)


def frame_of(error: AIChatError, frame_id: FrameId) -> ErrorFrame:
    """Return the frame that tells an error."""
    body = body_of(error)
    return ErrorFrame(id=frame_id, code=body.code, message=body.message, details=body.details)
