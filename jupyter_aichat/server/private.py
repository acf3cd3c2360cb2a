"""Answers that are kept nowhere: those about accounts, and chats of others."""

from __future__ import annotations

from jupyter_aichat.server.base import AIChatHandler


class PrivateHandler(AIChatHandler):
    """Base of handlers whose answers no browser and no proxy may keep."""

    def set_default_headers(self) -> None:
        """Say so."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    def compute_etag(self) -> str | None:
        """Return none, which would be a hash of secrets."""
        return None
