"""Lets an application, or all of a process, write its log as JSON."""

from __future__ import annotations

import logging
from typing import Any

from traitlets.config import Application

from jupyter_aichat.logs.lines import JsonLines

_FORMATTERS = {"console": {"class": f"{JsonLines.__module__}.{JsonLines.__qualname__}"}}


def write_json(app: Application) -> None:
    """Let an application's own log be JSON; what else an operator has configured of it stays."""
    config: dict[str, Any] = dict(app.logging_config)
    app.logging_config = {**config, "formatters": {**config.get("formatters", {}), **_FORMATTERS}}


def write_all_json(server: Application | None) -> None:
    """Let everything that a process logs be JSON: of its server, of libraries, and Python's warnings."""
    if server is not None:
        write_json(server)
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
        root.addHandler(handler)
    logging.captureWarnings(True)
