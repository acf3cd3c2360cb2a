"""Lets an application, or all of a process, write its log as JSON."""

from __future__ import annotations

import logging
import os
from typing import Any

from traitlets.config import Application, Config

from jupyter_aichat.logs.lines import JsonLines

_FORMATTERS = {"console": {"class": f"{JsonLines.__module__}.{JsonLines.__qualname__}"}}


def is_wanted(config: Config) -> bool:
    """Whether the log shall be JSON, as `AIChatApp.logs` says: for a server that logs before there is such an app."""
    return bool((config.get("AIChatApp", {}).get("logs") or os.environ.get("AICHAT_LOGS")) == "json")


def write_json(app: Application) -> None:
    """Let an application's own log be JSON; what else an operator has configured of it stays."""
    config: dict[str, Any] = dict(app.logging_config)
    app.logging_config = {**config, "formatters": {**config.get("formatters", {}), **_FORMATTERS}}


def write_the_rest_json() -> None:
    """Let what libraries log be JSON too, and Python's warnings."""
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
        root.addHandler(handler)
    logging.captureWarnings(True)
