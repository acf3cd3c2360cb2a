"""Keeps tokens out of the service's logs, whoever writes them: a link's stands in its address, which is logged."""

from __future__ import annotations

import logging
import re

_TOKEN = re.compile(r"(aichat(?:-share|-invitation)?_)[A-Za-z0-9_-]{20,}")


class TokenlessRecord(logging.LogRecord):
    """A record whose message names no token of ours."""

    def getMessage(self) -> str:  # noqa: N802 (the library's name)
        """Return the message, with dots in the place of tokens."""
        return without_tokens(super().getMessage())


def without_tokens(text: str) -> str:
    """Return a text with dots in the place of what lets somebody in by itself."""
    return _TOKEN.sub(r"\1…", text) if "aichat" in text else text


def keep_tokens_out_of_logs() -> None:
    """Let all loggers of this process make such records."""
    logging.setLogRecordFactory(TokenlessRecord)
