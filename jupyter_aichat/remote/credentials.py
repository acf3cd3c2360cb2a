"""Whose token a request takes along to the service.

Here it is one token, that of the person whose server this is. Where a server has visitors of their own, each brings theirs:
another `Credentials`.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from jupyter_server.base.handlers import JupyterHandler

from jupyter_aichat.errors import Unauthenticated
from jupyter_aichat.remote.faults import refused_token
from jupyter_aichat.remote.mode import RemoteMode

KEYRING = "jupyter_aichat"
_TOKEN = re.compile(r"[!-~]{1,4096}")
_MAX_FILE = 8192


class Credentials(Protocol):
    """Knows the token for a request."""

    async def token(self, asker: JupyterHandler) -> str:
        """Return the token of who asks; raises `Unauthenticated` where there is none."""
        ...

    def refused(self, token: str) -> None:
        """Learn that the service does not take a token (any more)."""
        ...

    def refusal(self, url: str) -> Unauthenticated:
        """Return what a person is told whose token the service at `url` does not take."""
        ...


class OwnToken:
    """The token of the person whose server this is: of the settings, else of its file, else of the keyring."""

    def __init__(self, mode: RemoteMode) -> None:
        self._mode = mode
        self._found = ""

    async def token(self, asker: JupyterHandler) -> str:  # noqa: ARG002 (the same for all who may use this server)
        """Return the token."""
        if not self._found:
            self._found = await asyncio.to_thread(self._find)
        return self._found

    def refused(self, token: str) -> None:
        """Look again at the next request: the file may hold a new one by then."""
        if self._found == token:
            self._found = ""

    def refusal(self, url: str) -> Unauthenticated:
        """Send the person to the service's page."""
        return refused_token(url)

    def _find(self) -> str:
        mode = self._mode
        token = (mode.token or self._of_file() or self._of_keyring()).strip()
        if not token:
            raise Unauthenticated(
                "This server has no token for the chat service: make one on its page under Tokens, and put it into the "
                "file that RemoteMode.token_file names.",
                service=mode.service_url,
            )
        if not _TOKEN.fullmatch(token):
            raise Unauthenticated("The token for the chat service is one word of ASCII.", service=mode.service_url)
        return token

    def _of_file(self) -> str:
        if not self._mode.token_file:
            return ""
        path = Path(self._mode.token_file).expanduser()
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                found = file.read(_MAX_FILE)
        except OSError as error:
            raise self._unreadable(f"cannot be read: {error.strerror}") from None
        if os.name == "posix" and mode & 0o077:
            raise self._unreadable(f"can be read by others: `chmod 600 {path.name}`")
        return found.decode("ascii", "replace")

    def _unreadable(self, why: str) -> Unauthenticated:
        return Unauthenticated(f"The file of RemoteMode.token_file {why}.", service=self._mode.service_url)

    def _of_keyring(self) -> str:
        """Ask the keyring; one that is not installed, locked or broken has nothing."""
        with suppress(Exception):
            return importlib.import_module("keyring").get_password(KEYRING, self._mode.service_url) or ""
        return ""
