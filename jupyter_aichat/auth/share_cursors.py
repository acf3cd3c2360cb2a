"""Cursors of shared chats, which lead their readers nowhere but on.

A cursor names a message. One that a reader made up could name an answer that has left the branch the owner sees, and was
written to its end after that. So readers get them sealed, and only what we have sealed for a share is read from there.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

from jupyter_aichat.auth.keys import Key
from jupyter_aichat.domain.ids import ShareId
from jupyter_aichat.errors import InvalidRequest


class ShareCursors:
    """Seals and opens cursors; the first key seals, all open."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = [key.derive("share cursors") for key in keys]

    def seal(self, share: ShareId, cursor: str | None) -> str | None:
        """Return a cursor for the readers of a share; None where the list ends."""
        return None if cursor is None else f"{cursor}.{_seal(self._keys[0], share, cursor)}"

    def open(self, share: ShareId, sealed: str | None) -> str | None:
        """Return the cursor that was sealed for this share, or raise `InvalidRequest`; None begins the list."""
        if sealed is None:
            return None
        cursor, _, seal = sealed.rpartition(".")
        if not any(hmac.compare_digest(_seal(key, share, cursor).encode(), seal.encode()) for key in self._keys):
            raise InvalidRequest("This cursor is not one of ours; begin the list anew.")
        return cursor


def _seal(key: bytes, share: ShareId, cursor: str) -> str:
    digest = hmac.digest(key, f"{share}\0{cursor}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:18]).decode()
