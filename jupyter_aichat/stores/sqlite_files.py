"""A SQLite file: how it is opened, and what lies under it."""

from __future__ import annotations

import ctypes
import errno
import os
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

_NETWORK_FILE_SYSTEMS = frozenset({0x6969, 0xFF534D42, 0x517B, 0xFE534D42, 0x01021997, 0x65735546, 0x0BD00BD0})


class Connection(sqlite3.Connection):
    """A connection that knows which file it opened."""

    file: os.stat_result

    def leads_to(self, path: Path) -> bool:
        """Whether the file still has this name. One that was moved or deleted would take writes that nobody finds."""
        try:
            return os.path.samestat(self.file, path.stat())
        except FileNotFoundError:
            return False


def create(path: Path) -> None:
    """Make an empty file (0600) in a folder (0700), where there is none.

    One that is there is not even opened: its closing would drop all of SQLite's locks on it in this process.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None


def connect(path: Path, journal: str, busy_ms: int) -> Connection:
    """Open a connection that waits up to `busy_ms` for others, and whose commits are on the disk when they return.

    Never makes a file: where it has gone, its chats have, and an empty one would hide them.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=rw", uri=True, factory=Connection,
        isolation_level=None, check_same_thread=False, timeout=busy_ms / 1000,
    )  # fmt: skip
    try:
        for setting in (f"journal_mode = {journal}", "synchronous = FULL", "secure_delete = FAST"):
            _set(connection, setting, time.monotonic() + busy_ms / 1000)
        connection.file = path.stat()
    except BaseException:
        connection.close()
        raise
    return connection


def _set(connection: sqlite3.Connection, setting: str, until: float) -> None:
    """SQLite itself does not wait for others who change the journal mode, as all do that open a new file at once."""
    while True:
        try:
            connection.execute(f"PRAGMA {setting}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def on_network(folder: Path) -> bool:
    """Whether the folder is on a network file system, where SQLite's WAL is not safe; False where nobody can tell."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        buffer = ctypes.create_string_buffer(256)
        if libc.statfs(os.fsencode(folder), buffer) != 0:
            return False
        return int.from_bytes(buffer.raw[:8], "little") & 0xFFFFFFFF in _NETWORK_FILE_SYSTEMS
    except (OSError, AttributeError):
        return False
