"""A look at a SQLite file that changes nothing, and makes none."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from jupyter_aichat.domain.store_state import StoreState
from jupyter_aichat.errors import StoreUnavailable
from jupyter_aichat.stores.sqlite_files import on_network
from jupyter_aichat.stores.sqlite_schema import STEPS


def examine(path: Path) -> StoreState:
    """Return how the file is; raises `StoreUnavailable` for one that cannot be used."""
    folder = next(each for each in (path.parent, *path.parent.parents) if each.exists())
    if not os.access(path if path.exists() else folder, os.R_OK | os.W_OK):
        raise StoreUnavailable(f"{path} may not be read and written by this user.")
    begun = time.perf_counter()
    version = _version(path) if path.exists() else 0
    took_s = time.perf_counter() - begun
    if version > len(STEPS):
        raise StoreUnavailable(f"{path} was written by a newer version of jupyterlab-aichat; please upgrade it.")
    return StoreState(
        str(path),
        version,
        len(STEPS),
        tuple(_traps(path, folder)),
        free_bytes=shutil.disk_usage(folder).free,
        took_s=took_s,
    )


def _version(path: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path} cannot be read: {error}.") from error


def _traps(path: Path, folder: Path) -> Iterator[str]:
    if on_network(folder):
        yield "It lies on a network file system: only one process may use it at a time."
    if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"Others may read it: chmod 600 {path}"
