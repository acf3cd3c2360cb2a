"""`jupyter aichat serve`: the service itself, with all settings of a Jupyter server."""

from __future__ import annotations

from typing import Any

from jupyter_aichat.cli.command import Base


class Serve(Base):
    """Hands the arguments over to the service, which has a help of its own."""

    name = "jupyter aichat serve"

    def initialize(self, argv: Any = None) -> None:
        """Keep the arguments."""
        self.argv = list(argv or ())

    def start(self) -> None:
        """Serve until told to stop."""
        from jupyter_aichat.service.app import AIChatService  # noqa: PLC0415 (a web server, for none of the others)

        self.clear_instance()  # there is one application, and from now on that is the service
        AIChatService.launch_instance(self.argv)
