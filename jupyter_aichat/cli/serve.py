"""`jupyter aichat serve`: the service itself, with all settings of a Jupyter server."""

from __future__ import annotations

import importlib
from collections.abc import Sequence


class Serve:
    """Hands the arguments over to the service."""

    subapp = None

    def __init__(self, _parent: object) -> None:
        self._argv: list[str] = []

    def initialize(self, argv: Sequence[str] | None = None) -> None:
        """Keep the arguments; `--help` is the service's own."""
        self._argv = list(argv or ())

    def start(self) -> None:
        """Serve until told to stop."""
        service = importlib.import_module("jupyter_aichat.service.app")  # a web server, for none of the other commands
        service.AIChatService.launch_instance(self._argv)
