"""What of an answer may go on to the client: a few kinds of content, a few headers, errors with a code.

The page that the answer goes to is the Jupyter server's own, where somebody else's document could run cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

import msgspec

from jupyter_aichat.errors import AIChatError
from jupyter_aichat.protocol.bodies import ErrorBody
from jupyter_aichat.protocol.transfers import ARCHIVE_FILE, MARKDOWN_FILE, NOTEBOOK_FILE
from jupyter_aichat.remote.faults import not_the_service

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
BINARY = "application/octet-stream"
FILES = frozenset({BINARY, MARKDOWN_FILE, NOTEBOOK_FILE, ARCHIVE_FILE})
"""What is only ever saved, and never shown."""
KINDS = FILES | {JSON, EVENT_STREAM, "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"}
MAX_ERROR = 64 * 1024
_HEADERS = ("ETag", "Retry-After", "RateLimit", "RateLimit-Policy")
_VALUE = re.compile(r"[ -~]{1,512}")
_SAVED_AS = re.compile(r"attachment; filename=\"[\w.-]{1,120}\"(; filename\*=UTF-8''[\w.%~-]{1,1200})?", re.ASCII)


class _Told(msgspec.Struct, frozen=True):
    """An error as the service tells it."""

    code: str
    message: str
    details: dict[str, object] = {}


_told = msgspec.json.Decoder(_Told)


def kind_of(headers: Mapping[str, str], url: str) -> str:
    """Return the kind of content; raises `BadUpstream` for one that is not relayed."""
    kind = _kind(headers)
    if kind not in KINDS or headers.get("Content-Encoding", "identity") != "identity":  # we have asked for no other
        raise not_the_service(url)
    return kind


def headers_of(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the headers that are relayed."""
    for name in _HEADERS:
        value = headers.get(name)
        if value is not None and _VALUE.fullmatch(value):
            yield name, value


def disposition_of(headers: Mapping[str, str], kind: str) -> str | None:
    """Return how a file is to be saved, None for what is none; its name only where it is as we write names."""
    told = headers.get("Content-Disposition", "")
    if _SAVED_AS.fullmatch(told):
        return told
    return "attachment" if kind in FILES else None


def error_of(
    status: int, headers: Mapping[str, str], body: bytes, url: str, refusal: Callable[[], AIChatError]
) -> ErrorBody:
    """Return the error that an answer tells.

    Raises `BadUpstream` where it is not the service's, and the refusal (`Unauthenticated`) where the service refuses our token: that
    is this server's fault, whatever else its client's credentials are good for.
    """
    if _kind(headers) != JSON:
        raise not_the_service(url, status)
    if status == HTTPStatus.UNAUTHORIZED:
        raise refusal()
    try:
        told = _told.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_the_service(url, status) from None
    details = told.details
    if status == HTTPStatus.FORBIDDEN:  # the Jupyter server has a 403 of its own
        details = {**details, "service": url}
    return ErrorBody(told.code, told.message, details, None)


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()
