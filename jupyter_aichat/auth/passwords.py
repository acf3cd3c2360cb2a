"""Passwords as bcrypt hashes, made and compared off the event loop.

A hash takes a few hundred milliseconds of a core, on purpose. So at most a few are made at once, in threads of a low
priority, some wait, and more are refused. A name that nobody has and a password that is wrong cost the same.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import bcrypt
from traitlets import Int
from traitlets.config import LoggingConfigurable

from jupyter_aichat.errors import InvalidRequest, NotReady, QueueFull

Result = TypeVar("Result")

MOST_BYTES = 72
_NICENESS = 10
_RETRY_AFTER_S = 5


class Passwords(LoggingConfigurable):
    """Makes and compares hashes."""

    cost = Int(12, min=4, max=16, help="Of bcrypt; each step doubles the time of a login.").tag(config=True)
    at_once = Int(max((os.cpu_count() or 2) // 2, 1), min=1, help="Hashes that are made at once.").tag(config=True)
    waiting = Int(200, min=0, help="Logins that may wait for their turn; more are answered 503.").tag(config=True)
    least_characters = Int(8, min=1, max=72, help="Of a new password.").tag(config=True)

    _pool: ThreadPoolExecutor | None = None
    _inside = 0

    def open(self) -> None:
        """Make the threads."""
        self._pool = ThreadPoolExecutor(self.at_once, "aichat-passwords", _step_back)

    async def close(self) -> None:
        """Let what is under way end; what waits is given up."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    def check(self, password: str, name: str = "") -> None:
        """Whether this may be a new password; raises `InvalidRequest` with what is wrong."""
        encoded = _encoded(password)
        if encoded is None:
            raise InvalidRequest(
                f"A password has at most {MOST_BYTES} bytes (in UTF-8: letters with accents take 2, emoji 4) and no NUL."
            )
        if len(password) < self.least_characters:
            raise InvalidRequest(f"A password has at least {self.least_characters} characters.")
        if name and password.casefold() == name.casefold():
            raise InvalidRequest("A password must not be the user name.")

    async def hash(self, password: str) -> str:
        """Return a new password's hash; raises `InvalidRequest`, or `QueueFull` where too many wait."""
        self.check(password)
        return await self.rehash(password)

    async def rehash(self, password: str) -> str:
        """Return the hash of a password that was right, however short passwords might be once."""
        encoded, cost = _encoded(password) or b"", self.cost
        return await self._in_turn(lambda: bcrypt.hashpw(encoded, bcrypt.gensalt(cost)).decode())

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether a password is the one of a hash; for None (nobody has this name) as slowly, False."""
        encoded = _encoded(password)
        known = password_hash is not None and encoded is not None
        compared = (password_hash if known and password_hash else self._nobodys()).encode()
        same = await self._in_turn(lambda: bcrypt.checkpw(encoded or b"", compared))
        return same and known

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with another cost than the present one."""
        return password_hash.split("$")[2:3] != [f"{self.cost:02}"]

    def _nobodys(self) -> str:
        """A hash of the present cost that no password has."""
        return f"$2b${self.cost:02}${'.' * 22}{'.' * 31}"

    async def _in_turn(self, job: Callable[[], Result]) -> Result:
        if self._pool is None:
            raise NotReady
        if self._inside >= self.at_once + self.waiting:
            raise QueueFull("Too many people log in right now; try again in a moment.", retry_after=_RETRY_AFTER_S)
        self._inside += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, job)
        future.add_done_callback(self._leave)
        return await future

    def _leave(self, _: object) -> None:
        self._inside -= 1


def _encoded(password: str) -> bytes | None:
    """The bytes that are hashed, one for all ways to type the same; None for what cannot be a password."""
    try:
        encoded = unicodedata.normalize("NFC", password[: MOST_BYTES * 4]).encode()
    except UnicodeEncodeError:  # lone surrogates
        return None
    fits = len(password) <= MOST_BYTES * 4 and len(encoded) <= MOST_BYTES
    return encoded if fits and b"\0" not in encoded else None


def _step_back() -> None:
    """Let the event loop's thread go first; on Linux each thread has a niceness of its own."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
