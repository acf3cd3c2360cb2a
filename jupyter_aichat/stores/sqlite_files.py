"""A SQLite file: how it is opened, and what lies under it."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import time
from pathlib import Path

_NETWORK_FILE_SYSTEMS = frozenset({0x6969, 0xFF534D42, 0x517B, 0xFE534D42, 0x01021997, 0x65735546, 0x0BD00BD0})


def connect(path: Path, journal: str, busy_ms: int) -> sqlite3.Connection:
    """Open a connection that waits up to `busy_ms` for others, and whose commits are on the disk when they return."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_ms / 1000)
    try:
        for setting in (f"journal_mode = {journal}", "synchronous = FULL", "secure_delete = FAST"):
            _set(connection, setting, time.monotonic() + busy_ms / 1000)
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
