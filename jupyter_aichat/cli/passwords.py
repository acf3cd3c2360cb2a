"""Where the command line has passwords from: a prompt or standard input, never an argument, which everybody may see."""

from __future__ import annotations

import asyncio
import getpass
import sys

from jupyter_aichat.errors import InvalidRequest

_MOST_READ = 4096


async def new_password(*, stdin: bool) -> str:
    """Return a new password: asked for twice, or the first line of standard input. Raises `InvalidRequest`."""
    if stdin:
        line: str = await asyncio.to_thread(sys.stdin.readline, _MOST_READ)
        return line.rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InvalidRequest("There is no terminal to ask for the password on: pass it with --password-stdin.")
    first = await asyncio.to_thread(getpass.getpass, "New password: ")
    if await asyncio.to_thread(getpass.getpass, "Once more: ") != first:
        raise InvalidRequest("These were two different passwords.")
    return first
